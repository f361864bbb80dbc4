"""Confinement of a process that parses untrusted input: it can compute, and use the descriptors that it has.

It is an unprivileged user without capabilities, its memory and CPU time are limited, and a seccomp filter (libseccomp)
denies every system call but those below: it cannot open files, execute programs, create sockets, or start or signal
processes. The process that clones mounts uses only the filter.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Iterable
from typing import Any

from docker_slim_plugin.host.privileges import drop_privileges
from docker_slim_plugin.kernel.syscalls import AT_EMPTY_PATH, set_parent_death_signal

try:
    import pyseccomp as seccomp
except ImportError:  # Debian's python3-seccomp is libseccomp's own binding, of the same interface
    import seccomp

MAX_ADDRESS_SPACE = 4 << 30
"""Maximum address space in bytes: the index of an image of 1,000,000 files takes about 1 GB."""
COMPUTE_CALLS = (
    "brk", "exit", "exit_group", "futex", "madvise", "membarrier", "mmap", "mprotect", "mremap", "munmap",
    "restart_syscall", "rt_sigprocmask", "rt_sigreturn", "sched_yield",
)  # fmt: skip
"""System calls that CPython and the C library make for computation."""
IO_CALLS = (
    "clock_getres", "clock_gettime", "clock_nanosleep", "close", "dup", "fcntl", "fstat", "getpid", "getrandom",
    "getrusage", "gettid", "gettimeofday", "lseek", "nanosleep", "poll", "ppoll", "pread64", "read", "readv",
    "recvfrom", "recvmsg", "rseq", "rt_sigaction", "sched_getaffinity", "sendmsg", "sendto", "set_robust_list",
    "sigaltstack", "write", "writev",
)  # fmt: skip
"""System calls that they make to read descriptors and to respond."""
_STAT = "newfstatat"
"""The system call of fstat(3) in newer C libraries: allowed without a path."""


def confine(seconds: int, parent: int) -> None:
    """Confine the calling process irrevocably; it may use `seconds` of CPU time, and dies with `parent`."""
    drop_privileges()
    set_parent_death_signal(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    limits = {
        resource.RLIMIT_AS: MAX_ADDRESS_SPACE,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
    }
    for kind, most in limits.items():
        resource.setrlimit(kind, (most, most))
    # The kernel sends SIGXCPU at the soft limit, which tells the reason, and SIGKILL at the hard limit.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    program = _filter((*COMPUTE_CALLS, *IO_CALLS), seccomp.ERRNO(errno.EPERM))
    program.add_rule(seccomp.ALLOW, _STAT, seccomp.Arg(3, seccomp.EQ, AT_EMPTY_PATH))
    program.load()


def allow_only(calls: Iterable[str]) -> None:
    """Make the kernel kill the calling process at any system call but those for computation, and `calls`."""
    _filter((*COMPUTE_CALLS, *calls), seccomp.KILL_PROCESS).load()


def _filter(calls: Iterable[str], otherwise: Any) -> Any:
    program = seccomp.SyscallFilter(otherwise)
    for name in calls:
        program.add_rule(seccomp.ALLOW, name)
    return program
