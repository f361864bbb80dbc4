"""The machine code of the launcher for x86_64, and its assembly. launcher.py describes what it does."""

from __future__ import annotations

from docker_slim_plugin.confine.texts import TEXTS

ASSEMBLY = (
    r"""
    .intel_syntax noprefix
_start:
    mov r12, rsp                    # argc, argv[0] (the launcher), argv[1] ..., NULL, envp[0] ..., NULL
    lea rbx, [rip + table]
    sub rsp, 4352                   # scratch memory at rsp
    cmp qword ptr [r12], 2
    jb usage
    mov eax, 157                    # prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    mov edi, 38
    mov esi, 1
    xor edx, edx
    xor r10d, r10d
    xor r8d, r8d
    syscall
    test eax, eax
    jnz fatal

    mov eax, 444                    # landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION)
    xor edi, edi
    xor esi, esi
    mov edx, 1
    syscall
    test rax, rax
    jle no_landlock
    cmp rax, 7
    jbe known
    mov eax, 7
known:
    dec eax
    shl eax, 5
    lea r13, [rbx + rax + 24]       # the attributes for this ABI, and their size
    cmp qword ptr [r13 + 24], 0
    je no_landlock
    mov eax, 444                    # landlock_create_ruleset(attributes, size, 0)
    mov rdi, r13
    mov rsi, [r13 + 24]
    xor edx, edx
    syscall
    test eax, eax
    js fatal
    mov r14d, eax
    mov ebp, [rbx + 4]              # number of rules
    mov r15d, [rbx + 8]
    add r15, rbx                    # the next rule
rule:
    dec ebp
    js restrict
    cmp dword ptr [r15 + 12], 1
    je path
    mov rax, [r15]                  # struct landlock_net_port_attr: access, port
    and rax, [r13 + 8]
    mov [rsp], rax
    mov eax, [r15 + 8]
    mov [rsp + 8], rax
    mov esi, 2
    call add_rule
    jmp next_rule
path:
    mov eax, 257                    # openat(AT_FDCWD, path, O_PATH | O_CLOEXEC)
    mov rdi, -100
    mov esi, [r15 + 8]
    add rsi, rbx
    mov edx, 0x280000
    xor r10d, r10d
    syscall
    test eax, eax
    js next_rule                    # there is no such file: nothing is allowed
    mov [rsp + 8], eax              # struct landlock_path_beneath_attr: access, descriptor
    mov rax, [r15]
    and rax, [r13]
    mov [rsp], rax
    mov esi, 1
    call add_rule
    test eax, eax
    jns close_path
    and qword ptr [rsp], 0xc007     # it is no directory: only the rights of files
    mov esi, 1
    call add_rule
close_path:
    mov eax, 3
    mov edi, [rsp + 8]
    syscall
next_rule:
    add r15, 16
    jmp rule
add_rule:
    mov eax, 445                    # landlock_add_rule(ruleset, type, attributes, 0)
    mov edi, r14d
    lea rdx, [rsp + 8]
    xor r10d, r10d
    syscall
    ret
restrict:
    mov eax, 446                    # landlock_restrict_self(ruleset, 0)
    mov edi, r14d
    xor esi, esi
    syscall
    test eax, eax
    jnz fatal
    mov eax, 3
    mov edi, r14d
    syscall

filter:
    mov eax, [rbx + 12]             # number of instructions
    test eax, eax
    jz run
    mov [rsp], rax                  # struct sock_fprog
    mov eax, [rbx + 16]
    add rax, rbx
    mov [rsp + 8], rax
    mov eax, 317                    # seccomp(SECCOMP_SET_MODE_FILTER, 0, program)
    mov edi, 1
    xor esi, esi
    mov rdx, rsp
    syscall
    test eax, eax
    jnz no_seccomp

run:
    mov r13, [r12 + 16]             # the program
    mov rax, [r12]
    lea r15, [r12 + rax * 8 + 16]   # envp
    mov ebp, -2                     # the error: ENOENT
    mov rdi, r13
find_slash:
    mov al, [rdi]
    inc rdi
    test al, al
    jz search
    cmp al, '/'
    jne find_slash
    mov rdi, r13
    call execute
    mov ebp, eax
    jmp failed
search:
    mov rdx, r15
variable:
    mov rsi, [rdx]
    add rdx, 8
    test rsi, rsi
    jz failed
    cmp dword ptr [rsi], 0x48544150 # PATH
    jne variable
    cmp byte ptr [rsi + 4], '='
    jne variable
    add rsi, 5
    lea r9, [rsp + 4096]            # the end of the buffer
directory:
    mov rdi, rsp
directory_byte:
    lodsb
    movzx r8d, al
    test al, al
    jz name
    cmp al, ':'
    je name
    cmp rdi, r9
    jae directory_byte
    stosb
    jmp directory_byte
name:
    cmp rdi, rsp                    # an empty name, or one that is too long: not used
    je next_directory
    cmp rdi, r9
    jae next_directory
    mov al, '/'
    stosb
    mov rdx, r13
name_byte:
    cmp rdi, r9
    jae next_directory
    mov al, [rdx]
    inc rdx
    stosb
    test al, al
    jnz name_byte
    mov r10, rsi
    mov rdi, rsp
    call execute
    mov rsi, r10
    cmp eax, -2
    je next_directory
    cmp eax, -20                    # ENOTDIR
    je next_directory
    mov ebp, eax
next_directory:
    test r8d, r8d
    jnz directory
failed:
    lea rsi, [rip + cannot_execute]
    mov edx, offset cannot_execute_end - cannot_execute
    call say
    mov rsi, r13
    xor edx, edx
length:
    inc edx
    cmp byte ptr [rsi + rdx - 1], 0
    jne length
    dec edx
    call say
    lea rsi, [rip + newline]
    mov edx, 1
    call say
    mov edi, 127
    cmp ebp, -2
    je exit
    mov edi, 126
exit:
    mov eax, 231                    # exit_group
    syscall
execute:
    mov eax, 59                     # execve(path, argv + 1, envp)
    lea rsi, [r12 + 16]
    mov rdx, r15
    syscall
    ret
say:
    mov eax, 1                      # write(2, text, length)
    mov edi, 2
    syscall
    ret

no_landlock:
    lea rsi, [rip + landlock_text]
    mov edx, offset landlock_text_end - landlock_text
    call say
    test dword ptr [rbx], 1
    jz filter
    mov edi, 126
    jmp exit
no_seccomp:
    lea rsi, [rip + seccomp_text]
    mov edx, offset seccomp_text_end - seccomp_text
    call say
    test dword ptr [rbx], 1
    jz run
    mov edi, 126
    jmp exit
fatal:
    lea rsi, [rip + fatal_text]
    mov edx, offset fatal_text_end - fatal_text
    call say
    mov edi, 126
    jmp exit
usage:
    lea rsi, [rip + usage_text]
    mov edx, offset usage_text_end - usage_text
    call say
    mov edi, 127
    jmp exit
"""
    + TEXTS
)
CODE = bytes.fromhex("""
    4989e4488d1d660400004881ec0011000049833c24020f82ed020000b89d000000bf26000000be0100000031d24531d24531c00f0585c00f
    85b1020000b8bc01000031ff31f6ba010000000f054885c00f8e500200004883f8077605b807000000ffc8c1e0054c8d6c031849837d1800
    0f8430020000b8bc0100004c89ef498b751831d20f0585c00f88600200004189c68b6b04448b7b084901dfffcd0f889e00000041837f0c01
    7420498b074923450848890424418b47084889442408be02000000e866000000eb5bb80101000048c7c79cffffff418b77084801deba0000
    28004531d20f0585c0783a89442408498b074923450048890424be01000000e82a00000085c079124881242407c00000be01000000e81400
    0000b8030000008b7c24080f054983c710e96dffffffb8bd0100004489f7488d5424084531d20f05c3b8be0100004489f731f60f0585c00f
    8599010000b8030000004489f70f058b430c85c07428488904248b43104801d84889442408b83d010000bf0100000031f64889e20f0585c0
    0f853c0100004d8b6c2410498b04244d8d7cc410bdfeffffff4c89ef8a0748ffc784c074103c2f75f34c89efe8d000000089c5eb7f4c89fa
    488b324883c2084885f67470813e5041544875ec807e043d75e64883c6054c8d8c24001000004889e7ac440fb6c084c0740c3c3a74084c39
    cf73eeaaebeb4839e774344c39cf732fb02faa4c89ea4c39cf73248a0248ffc2aa84c075f14989f24889e7e8610000004c89d683f8fe7407
    83f8ec740289c54585c075aa488d3510020000ba1c000000e84c0000004c89ee31d2ffc2807c16ff0075f7ffcae837000000488d35060200
    00ba01000000e826000000bf7f00000083fdfe7405bf7e000000b8e70000000f05b83b000000498d7424104c89fa0f05c3b801000000bf02
    0000000f05c3488d3577000000ba5d000000e8e2fffffff703010000000f849cfeffffbf7e000000ebb8488d35b0000000ba5a000000e8be
    fffffff703010000000f84a7feffffbf7e000000eb94488d35e6000000ba50000000e89affffffbf7e000000e979ffffff488d351b010000
    ba28000000e87fffffffbf7f000000e95effffff646f636b657220736c696d3a2074686973206b65726e656c20686173206e6f2075736162
    6c65204c616e646c6f636b3a20706f7274732c2066696c657320616e64206465766963657320617265206e6f742072657374726963746564
    0a646f636b657220736c696d3a2074686973206b65726e656c2074616b6573206e6f20736563636f6d702066696c7465723a20736f636b65
    74206b696e647320616e642049504320617265206e6f7420726573747269637465640a646f636b657220736c696d3a207468652072657374
    72696374696f6e73206f66207468697320696d6167652063616e6e6f74206265207365742c20736f20697420646f6573206e6f7420737461
    72740a646f636b657220736c696d3a207468657265206973206e6f20636f6d6d616e6420746f2072756e0a646f636b657220736c696d3a20
    63616e6e6f742065786563757465200a
""")
