"""The machine code of the program that tries system calls, and its assembly. attempts.py describes what it does."""

from __future__ import annotations

X86_64 = r"""
    .intel_syntax noprefix
_start:
    lea rbx, [rip + table]
    sub rsp, 8256                   # results, writable memory, six arguments
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
    mov eax, 1                      # write(1, results, size)
    mov edi, 1
    mov rsi, rsp
    lea edx, [r12 * 8]
    syscall
    xor edi, edi
    mov eax, 231                    # exit_group(0)
    syscall
    .balign 8
table:
"""
X86_64_CODE = bytes.fromhex("""
    488d1db10000004881ec402000004889e731c0b940200000f3aa4531e44c8d6b084c8db424001000004c8dbc2400200000443b23735b31c9
    498b44cd08418a540d3880fa017215740a80fa02740a4c01f0eb094801d8eb04488b04c4498904cfffc183f90672d1498b3f498b7708498b
    57104d8b57184d8b47204d8b4f28498b45000f054a8904e441ffc44983c540eba0b801000000bf010000004889e6428d14e5000000000f05
    31ffb8e70000000f050f1f8000000000
""")
AARCH64 = r"""
_start:
    adr x20, table
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
    mov x8, #64                     // write(1, results, size)
    mov x0, #1
    add x1, sp, #64
    lsl w2, w22, #3
    svc #0
    mov x0, #0
    mov x8, #94                     // exit_group(0)
    svc #0
    .balign 8
table:
"""
AARCH64_CODE = bytes.fromhex("""
    94060010ff0b40d1e9030091f5074091ea0b40913f8500f83f010aebc3ffff541600805297220091ff0301d1890240b9df02096be2030054
    0a0080d2eb0e0a8b6c0540f9eb020a8b6de140394d010034bf09007183000054a00000548c01158b050000148c01148b03000014eb030191
    6c796cf8eb0300916c792af84a0500915f1900f1c3fdff54e00740a9e20f41a9e41742a9e80240f9010000d4eb030191605936f8d6060011
    f7020191e0ffff17080880d2200080d2e1030191c2721d53010000d4000080d2c80b80d2010000d4
""")
