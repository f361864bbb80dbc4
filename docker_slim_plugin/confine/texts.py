"""What the launcher says, as the end of its assembly: the same for each architecture."""

TEXTS = r"""
landlock_text:
    .ascii "docker slim: this kernel has no usable Landlock: ports, files and devices are not restricted\n"
landlock_text_end:
seccomp_text:
    .ascii "docker slim: this kernel takes no seccomp filter: socket kinds and IPC are not restricted\n"
seccomp_text_end:
fatal_text:
    .ascii "docker slim: the restrictions of this image cannot be set, so it does not start\n"
fatal_text_end:
usage_text:
    .ascii "docker slim: there is no command to run\n"
usage_text_end:
cannot_execute:
    .ascii "docker slim: cannot execute "
cannot_execute_end:
newline:
    .ascii "\n"
    .balign 8
table:
"""
