"""The machine code of the launcher for aarch64, and its assembly. launcher.py describes what it does."""

from __future__ import annotations

from docker_slim_plugin.confine.texts import TEXTS

ASSEMBLY = (
    r"""
_start:
    mov x19, sp                     // argc, argv[0] (the launcher), argv[1] ..., NULL, envp[0] ..., NULL
    adr x20, table
    sub sp, sp, #4096               // scratch memory at sp
    sub sp, sp, #256
    ldr x0, [x19]
    cmp x0, #2
    b.lo usage
    mov x8, #167                    // prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    mov x0, #38
    mov x1, #1
    mov x2, #0
    mov x3, #0
    mov x4, #0
    svc #0
    cbnz w0, fatal

    mov x8, #444                    // landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION)
    mov x0, #0
    mov x1, #0
    mov x2, #1
    svc #0
    cmp x0, #0
    b.le no_landlock
    mov x1, #7
    cmp x0, x1
    csel x0, x0, x1, lo
    sub x0, x0, #1
    add x21, x20, x0, lsl #5
    add x21, x21, #24               // the attributes for this ABI, and their size
    ldr x1, [x21, #24]
    cbz x1, no_landlock
    mov x8, #444                    // landlock_create_ruleset(attributes, size, 0)
    mov x0, x21
    mov x2, #0
    svc #0
    tbnz w0, #31, fatal
    mov w22, w0
    ldr w24, [x20, #4]              // number of rules
    ldr w23, [x20, #8]
    add x23, x23, x20               // the next rule
rule:
    cbz w24, restrict
    sub w24, w24, #1
    ldr x9, [x23]
    ldr w10, [x23, #8]
    ldr w11, [x23, #12]
    cmp w11, #1
    b.eq path
    ldr x12, [x21, #8]              // struct landlock_net_port_attr: access, port
    and x9, x9, x12
    stp x9, x10, [sp]
    mov x1, #2
    bl add_rule
    b next_rule
path:
    mov x8, #56                     // openat(AT_FDCWD, path, O_PATH | O_CLOEXEC)
    mov x0, #-100
    add x1, x10, x20
    mov x2, #0x280000
    mov x3, #0
    svc #0
    tbnz w0, #31, next_rule         // there is no such file: nothing is allowed
    str w0, [sp, #8]                // struct landlock_path_beneath_attr: access, descriptor
    ldr x9, [x23]
    ldr x12, [x21]
    and x9, x9, x12
    str x9, [sp]
    mov x1, #1
    bl add_rule
    tbz w0, #31, close_path
    ldr x9, [sp]
    mov x12, #0xc007                // it is no directory: only the rights of files
    and x9, x9, x12
    str x9, [sp]
    mov x1, #1
    bl add_rule
close_path:
    mov x8, #57
    ldr w0, [sp, #8]
    svc #0
next_rule:
    add x23, x23, #16
    b rule
add_rule:
    mov x8, #445                    // landlock_add_rule(ruleset, type, attributes, 0)
    mov w0, w22
    mov x2, sp
    mov x3, #0
    svc #0
    ret
restrict:
    mov x8, #446                    // landlock_restrict_self(ruleset, 0)
    mov w0, w22
    mov x1, #0
    svc #0
    cbnz w0, fatal
    mov x8, #57
    mov w0, w22
    svc #0

filter:
    ldr w9, [x20, #12]              // number of instructions
    cbz w9, run
    ldr w10, [x20, #16]
    add x10, x10, x20
    stp x9, x10, [sp]               // struct sock_fprog
    mov x8, #277                    // seccomp(SECCOMP_SET_MODE_FILTER, 0, program)
    mov x0, #1
    mov x1, #0
    mov x2, sp
    svc #0
    cbnz w0, no_seccomp

run:
    ldr x21, [x19, #16]             // the program
    ldr x9, [x19]
    add x23, x19, x9, lsl #3
    add x23, x23, #16               // envp
    mov w24, #-2                    // the error: ENOENT
    mov x9, x21
find_slash:
    ldrb w10, [x9], #1
    cbz w10, search
    cmp w10, #'/'
    b.ne find_slash
    mov x0, x21
    bl execute
    mov w24, w0
    b failed
search:
    mov x9, x23
    movz w12, #0x4150               // PATH
    movk w12, #0x4854, lsl #16
variable:
    ldr x25, [x9], #8
    cbz x25, failed
    ldr w10, [x25]
    cmp w10, w12
    b.ne variable
    ldrb w10, [x25, #4]
    cmp w10, #'='
    b.ne variable
    add x25, x25, #5
    add x26, sp, #4096              // the end of the buffer
directory:
    mov x9, sp
directory_byte:
    ldrb w27, [x25], #1
    cbz w27, name
    cmp w27, #':'
    b.eq name
    cmp x9, x26
    b.hs directory_byte
    strb w27, [x9], #1
    b directory_byte
name:
    mov x10, sp
    cmp x9, x10                     // an empty name, or one that is too long: not used
    b.eq next_directory
    cmp x9, x26
    b.hs next_directory
    mov w11, #'/'
    strb w11, [x9], #1
    mov x10, x21
name_byte:
    cmp x9, x26
    b.hs next_directory
    ldrb w11, [x10], #1
    strb w11, [x9], #1
    cbnz w11, name_byte
    mov x0, sp
    bl execute
    cmn w0, #2
    b.eq next_directory
    cmn w0, #20                     // ENOTDIR
    b.eq next_directory
    mov w24, w0
next_directory:
    cbnz w27, directory
failed:
    adr x1, cannot_execute
    mov x2, #(cannot_execute_end - cannot_execute)
    bl say
    mov x1, x21
    mov x2, #0
length:
    ldrb w9, [x1, x2]
    cbz w9, measured
    add x2, x2, #1
    b length
measured:
    bl say
    adr x1, newline
    mov x2, #1
    bl say
    mov x0, #127
    cmn w24, #2
    b.eq exit
    mov x0, #126
exit:
    mov x8, #94                     // exit_group
    svc #0
execute:
    mov x8, #221                    // execve(path, argv + 1, envp)
    add x1, x19, #16
    mov x2, x23
    svc #0
    ret
say:
    mov x8, #64                     // write(2, text, length)
    mov x0, #2
    svc #0
    ret

no_landlock:
    adr x1, landlock_text
    mov x2, #(landlock_text_end - landlock_text)
    bl say
    ldr w9, [x20]
    tbz w9, #0, filter
    mov x0, #126
    b exit
no_seccomp:
    adr x1, seccomp_text
    mov x2, #(seccomp_text_end - seccomp_text)
    bl say
    ldr w9, [x20]
    tbz w9, #0, run
    mov x0, #126
    b exit
fatal:
    adr x1, fatal_text
    mov x2, #(fatal_text_end - fatal_text)
    bl say
    mov x0, #126
    b exit
usage:
    adr x1, usage_text
    mov x2, #(usage_text_end - usage_text)
    bl say
    mov x0, #127
    b exit
"""
    + TEXTS
)
CODE = bytes.fromhex("""
    f3030091f4240010ff0740d1ff0304d1600240f91f0800f123190054e81480d2c00480d2210080d2020080d2030080d2040080d2010000d4
    80170035883780d2000080d2010080d2220080d2010000d41f0000f1ed140054e10080d21f0001eb0030819a000400d19516008bb5620091
    a10e40f9e11300b4883780d2e00315aa020080d2010000d40015f837f603002a980640b9970a40b9f702148bb805003418070051e90240f9
    ea0a40b9eb0e40b97f050071e0000054ac0640f929010c8ae92b00a9410080d21c00009419000014080780d2600c80924101148b0205a0d2
    030080d2010000d44002f837e00b00b9e90240f9ac0240f929010c8ae90300f9210080d20d000094e000f836e90340f9ec0098d229010c8a
    e90300f9210080d206000094280780d2e00b40b9010000d4f7420091daffff17a83780d2e003162ae2030091030080d2010000d4c0035fd6
    c83780d2e003162a010080d2010000d4400e0035280780d2e003162a010000d4890e40b9490100348a1240b94a01148be92b00a9a82280d2
    200080d2010080d2e2030091010000d4a00b0035750a40f9690240f9770e098bf742009138008012e90315aa2a154038ea0000345fbd0071
    a1ffff54e00315aa41000094f803002a2c000014e90317aa0c2a88528c0aa972398540f8f90400b42a0340b95f010c6b81ffff542a134039
    5ff5007121ffff5439170091fa074091e90300913b174038fb0000347feb0071a00000543f011aeb62ffff543b150038f9ffff17ea030091
    3f010aeb400200543f011aeb02020054eb0580522b150038ea0315aa3f011aeb620100544b1540382b1500388bffff35e00300911a000094
    1f080031800000541f50003140000054f803002a7bfcff35e10f0070820380d216000094e10315aa020080d2296862386900003442040091
    fdffff170f000094810f0070220080d20c000094e00f80d21f0b003140000054c00f80d2c80b80d2010000d4a81b80d261420091e20317aa
    010000d4c0035fd6080880d2400080d2010000d4c0035fd601030010a20b80d2faffff97890240b989f30736c00f80d2efffff1701050030
    420b80d2f3ffff97890240b909f40736c00f80d2e8ffff17e1060070020a80d2ecffff97c00f80d2e3ffff17c1080070020580d2e7ffff97
    e00f80d2deffff17646f636b657220736c696d3a2074686973206b65726e656c20686173206e6f20757361626c65204c616e646c6f636b3a
    20706f7274732c2066696c657320616e64206465766963657320617265206e6f7420726573747269637465640a646f636b657220736c696d
    3a2074686973206b65726e656c2074616b6573206e6f20736563636f6d702066696c7465723a20736f636b6574206b696e647320616e6420
    49504320617265206e6f7420726573747269637465640a646f636b657220736c696d3a20746865207265737472696374696f6e73206f6620
    7468697320696d6167652063616e6e6f74206265207365742c20736f20697420646f6573206e6f742073746172740a646f636b657220736c
    696d3a207468657265206973206e6f20636f6d6d616e6420746f2072756e0a646f636b657220736c696d3a2063616e6e6f74206578656375
    7465200a1f2003d5
""")
