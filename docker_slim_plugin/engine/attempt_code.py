"""The machine code of the program that tries system calls, and its assembly. attempt_program.py says what it does."""

from __future__ import annotations

_X86_64 = r"""
    .intel_syntax noprefix
_start:
    lea rbx, [rip + table]
    sub rsp, 16448                  # results, writable memory, six arguments, letters
    mov rdi, rsp
    xor eax, eax
    mov ecx, 8256
    rep stosb
    xor r12d, r12d                  # number of the call
    lea r13, [rbx + 8]              # its record
    lea r14, [rsp + 4096]
    lea r15, [rsp + 8192]
call_:
    cmp r12d, [rbx]
    jae done
    xor ecx, ecx
argument:
    mov rax, [r13 + rcx * 8 + 8]
    mov dl, [r13 + rcx + 56]
    cmp dl, 1
    jb store
    je in_table
    cmp dl, 2
    je result
    add rax, r14                    # 3: writable memory
    jmp store
in_table:
    add rax, rbx
    jmp store
result:
    mov rax, [rsp + rax * 8]
store:
    mov [r15 + rcx * 8], rax
    inc ecx
    cmp ecx, 6
    jb argument
    mov rdi, [r15]
    mov rsi, [r15 + 8]
    mov rdx, [r15 + 16]
    mov r10, [r15 + 24]
    mov r8, [r15 + 32]
    mov r9, [r15 + 40]
    mov rax, [r13]
    syscall
    mov [rsp + r12 * 8], rax
    inc r12d
    add r13, 64
    jmp call_
done:
    shl r12d, 3                     # size of the results
    lea rcx, [rsp + r12]
    mov rsi, rsp
    lea rdi, [rsp + 8256]
letters:
    cmp rsi, rcx
    jae write
    lodsb
    mov ah, al
    shr al, 4
    and ah, 15
    add ax, 0x4141
    stosw
    jmp letters
write:
    mov eax, 1                      # write(1, letters, size)
    mov edi, 1
    lea rsi, [rsp + 8256]
    lea edx, [r12 * 2]
    syscall
    xor edi, edi
    mov eax, 231                    # exit_group(0)
    syscall
    .balign 8
table:
"""
_X86_64_CODE = bytes.fromhex("""
    488d1dd90000004881ec404000004889e731c0b940200000f3aa4531e44c8d6b084c8db424001000004c8dbc2400200000443b23735b31c9
    498b44cd08418a540d3880fa017215740a80fa02740a4c01f0eb094801d8eb04488b04c4498904cfffc183f90672d1498b3f498b7708498b
    57104d8b57184d8b47204d8b4f28498b45000f054a8904e441ffc44983c540eba041c1e4034a8d0c244889e6488dbc24402000004839ce73
    11ac88c4c0e80480e40f6605414166abebeab801000000bf01000000488db42440200000428d1465000000000f0531ffb8e70000000f0590
""")
_AARCH64 = r"""
_start:
    adr x20, table
    sub sp, sp, #8192               // letters
    mov x24, sp
    sub sp, sp, #8192               // results, writable memory
    mov x9, sp
    add x21, sp, #4096
    add x10, sp, #8192
zero:
    str xzr, [x9], #8
    cmp x9, x10
    b.lo zero
    mov w22, #0                     // number of the call
    add x23, x20, #8                // its record
    sub sp, sp, #64                 // six arguments
call_:
    ldr w9, [x20]
    cmp w22, w9
    b.hs done
    mov x10, #0
argument:
    add x11, x23, x10, lsl #3
    ldr x12, [x11, #8]
    add x11, x23, x10
    ldrb w13, [x11, #56]
    cbz w13, store
    cmp w13, #2
    b.lo in_table
    b.eq result
    add x12, x12, x21               // 3: writable memory
    b store
in_table:
    add x12, x12, x20
    b store
result:
    add x11, sp, #64
    ldr x12, [x11, x12, lsl #3]
store:
    mov x11, sp
    str x12, [x11, x10, lsl #3]
    add x10, x10, #1
    cmp x10, #6
    b.lo argument
    ldp x0, x1, [sp]
    ldp x2, x3, [sp, #16]
    ldp x4, x5, [sp, #32]
    ldr x8, [x23]
    svc #0
    add x11, sp, #64
    str x0, [x11, w22, uxtw #3]
    add w22, w22, #1
    add x23, x23, #64
    b call_
done:
    add x9, sp, #64
    add x10, x9, w22, uxtw #3       // end of the results
    mov x11, x24
letters:
    cmp x9, x10
    b.hs write
    ldrb w12, [x9], #1
    lsr w13, w12, #4
    and w12, w12, #15
    add w13, w13, #65
    add w12, w12, #65
    strb w13, [x11], #1
    strb w12, [x11], #1
    b letters
write:
    mov x8, #64                     // write(1, letters, size)
    mov x0, #1
    mov x1, x24
    sub x2, x11, x24
    svc #0
    mov x0, #0
    mov x8, #94                     // exit_group(0)
    svc #0
    .balign 8
table:
"""
_AARCH64_CODE = bytes.fromhex("""
    94080010ff0b40d1f8030091ff0b40d1e9030091f5074091ea0b40913f8500f83f010aebc3ffff541600805297220091ff0301d1890240b9
    df02096be20300540a0080d2eb0e0a8b6c0540f9eb020a8b6de140394d010034bf09007183000054a00000548c01158b050000148c01148b
    03000014eb0301916c796cf8eb0300916c792af84a0500915f1900f1c3fdff54e00740a9e20f41a9e41742a9e80240f9010000d4eb030191
    605936f8d6060011f7020191e0ffff17e90301912a4d368beb0318aa3f010aeb220100542c1540388d7d04538c0d0012ad0501118c050111
    6d1500386c150038f7ffff17080880d2200080d2e10318aa620118cb010000d4000080d2c80b80d2010000d41f2003d5
""")

CODES = {"x86_64": _X86_64_CODE, "aarch64": _AARCH64_CODE}
ASSEMBLIES = {"x86_64": _X86_64, "aarch64": _AARCH64}
"""By `os.uname().machine`."""
