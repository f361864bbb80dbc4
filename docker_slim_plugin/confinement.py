"""What a process that parses foreign bytes can still do: compute, and talk on the descriptors that it has.

It is an unprivileged user without capabilities, its memory and processor time are limited, and a seccomp filter
(libseccomp) refuses every system call but those below: no file is opened, nothing executed, no socket made, no process
started or signalled.
"""

from __future__ import annotations

import errno
import os
import resource
import signal

from docker_slim_plugin.linux import AT_EMPTY_PATH, set_parent_death_signal
from docker_slim_plugin.privileges import drop_privileges

try:
    import pyseccomp as seccomp
except ImportError:  # Debian's python3-seccomp is libseccomp's own binding, of the same interface
    import seccomp

MEMORY = 4 << 30
"""Bytes of address space: the index of an image of 1,000,000 files takes about 1 GB."""
ALLOWED = (
    "brk", "clock_getres", "clock_gettime", "clock_nanosleep", "close", "dup", "exit", "exit_group", "fcntl", "fstat",
    "futex", "getpid", "getrandom", "getrusage", "gettid", "gettimeofday", "lseek", "madvise", "membarrier", "mmap",
    "mprotect", "mremap", "munmap", "nanosleep", "poll", "ppoll", "pread64", "read", "readv", "recvfrom", "recvmsg",
    "restart_syscall", "rseq", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield",
    "sendmsg", "sendto", "set_robust_list", "sigaltstack", "write", "writev",
)  # fmt: skip
"""Those that CPython and the C library make while they compute, read and answer."""
_STAT = "newfstatat"
"""What fstat(3) is in newer C libraries: allowed without a path."""


def confine(seconds: int, parent: int) -> None:
    """Confine the calling process for good; it may use `seconds` of processor time, and ends with `parent`."""
    drop_privileges()
    set_parent_death_signal(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    limits = {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
    }
    for kind, most in limits.items():
        resource.setrlimit(kind, (most, most))
    # Two limits: the kernel says at the first why it ends a process (SIGXCPU), at the second it kills.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    program = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    for name in ALLOWED:
        program.add_rule(seccomp.ALLOW, name)
    program.add_rule(seccomp.ALLOW, _STAT, seccomp.Arg(3, seccomp.EQ, AT_EMPTY_PATH))
    program.load()
