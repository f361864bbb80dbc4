"""The table of system calls that name a file, and the seccomp filter that stops a tracee at these calls only.

One row serves every architecture: libseccomp knows the numbers of each ABI. Compare strace's %file class.
"""

from __future__ import annotations

import os
import struct
from typing import Any, NamedTuple

from docker_slim_plugin.model.observation import AccessKind

try:
    import pyseccomp as seccomp
except ImportError:  # Debian's python3-seccomp is libseccomp's own binding, of the same interface
    import seccomp


class PathArgument(NamedTuple):
    """The position of a path in the arguments of a system call."""

    position: int
    """Index of the argument that points to the path."""
    directory: int | None = None
    """Index of the dirfd argument that a relative path starts from; None is the working directory."""


class Syscall(NamedTuple):
    """A system call, and where it names files."""

    name: str
    kind: AccessKind
    paths: tuple[PathArgument, ...]
    number: int = 0
    """The number that is the same on all architectures (calls since Linux 5.1), for versions of libseccomp without the
    name.
    """


PATH = (PathArgument(0),)
AT = (PathArgument(1, 0),)
TWO = (PathArgument(0), PathArgument(1))
TWO_AT = (PathArgument(1, 0), PathArgument(3, 2))
SOCKADDR = (PathArgument(1),)

_EXEC, _OPEN, _STAT, _LINK = AccessKind.EXEC, AccessKind.OPEN, AccessKind.STAT, AccessKind.READLINK
_CHANGE, _CHDIR, _CONNECT, _OTHER = AccessKind.CHANGE, AccessKind.CHDIR, AccessKind.CONNECT, AccessKind.OTHER

SYSCALLS: tuple[Syscall, ...] = (
    Syscall("execve", _EXEC, PATH),
    Syscall("execveat", _EXEC, AT),
    Syscall("uselib", _EXEC, PATH),
    Syscall("open", _OPEN, PATH),
    Syscall("openat", _OPEN, AT),
    Syscall("openat2", _OPEN, AT, 437),
    Syscall("creat", _OPEN, PATH),
    Syscall("open_tree", _OPEN, AT, 428),
    Syscall("open_tree_attr", _OPEN, AT, 467),
    Syscall("name_to_handle_at", _STAT, AT),
    Syscall("stat", _STAT, PATH),
    Syscall("lstat", _LINK, PATH),
    Syscall("oldstat", _STAT, PATH),
    Syscall("oldlstat", _LINK, PATH),
    Syscall("stat64", _STAT, PATH),
    Syscall("lstat64", _LINK, PATH),
    Syscall("newfstatat", _STAT, AT),
    Syscall("fstatat64", _STAT, AT),
    Syscall("statx", _STAT, AT),
    Syscall("access", _STAT, PATH),
    Syscall("faccessat", _STAT, AT),
    Syscall("faccessat2", _STAT, AT, 439),
    Syscall("statfs", _STAT, PATH),
    Syscall("statfs64", _STAT, PATH),
    Syscall("readlink", _LINK, PATH),
    Syscall("readlinkat", _LINK, AT),
    Syscall("getxattr", _STAT, PATH),
    Syscall("lgetxattr", _LINK, PATH),
    Syscall("listxattr", _STAT, PATH),
    Syscall("llistxattr", _LINK, PATH),
    Syscall("getxattrat", _STAT, AT, 464),
    Syscall("listxattrat", _STAT, AT, 465),
    Syscall("file_getattr", _STAT, AT, 468),
    Syscall("inotify_add_watch", _STAT, (PathArgument(1),)),
    Syscall("fanotify_mark", _STAT, (PathArgument(4, 3),)),
    Syscall("chdir", _CHDIR, PATH),
    Syscall("chroot", _CHDIR, PATH),
    Syscall("pivot_root", _CHDIR, TWO),
    Syscall("rename", _CHANGE, TWO),
    Syscall("renameat", _CHANGE, TWO_AT),
    Syscall("renameat2", _CHANGE, TWO_AT),
    Syscall("unlink", _CHANGE, PATH),
    Syscall("unlinkat", _CHANGE, AT),
    Syscall("rmdir", _CHANGE, PATH),
    Syscall("mkdir", _CHANGE, PATH),
    Syscall("mkdirat", _CHANGE, AT),
    Syscall("mknod", _CHANGE, PATH),
    Syscall("mknodat", _CHANGE, AT),
    Syscall("link", _CHANGE, TWO),
    Syscall("linkat", _CHANGE, TWO_AT),
    Syscall("symlink", _CHANGE, (PathArgument(1),)),
    Syscall("symlinkat", _CHANGE, (PathArgument(2, 1),)),
    Syscall("truncate", _CHANGE, PATH),
    Syscall("truncate64", _CHANGE, PATH),
    Syscall("chmod", _CHANGE, PATH),
    Syscall("fchmodat", _CHANGE, AT),
    Syscall("fchmodat2", _CHANGE, AT, 452),
    Syscall("chown", _CHANGE, PATH),
    Syscall("chown32", _CHANGE, PATH),
    Syscall("lchown", _CHANGE, PATH),
    Syscall("lchown32", _CHANGE, PATH),
    Syscall("fchownat", _CHANGE, AT),
    Syscall("utime", _CHANGE, PATH),
    Syscall("utimes", _CHANGE, PATH),
    Syscall("futimesat", _CHANGE, AT),
    Syscall("utimensat", _CHANGE, AT),
    Syscall("utimensat_time64", _CHANGE, AT, 412),
    Syscall("setxattr", _CHANGE, PATH),
    Syscall("lsetxattr", _CHANGE, PATH),
    Syscall("removexattr", _CHANGE, PATH),
    Syscall("lremovexattr", _CHANGE, PATH),
    Syscall("setxattrat", _CHANGE, AT, 463),
    Syscall("removexattrat", _CHANGE, AT, 466),
    Syscall("file_setattr", _CHANGE, AT, 469),
    Syscall("mount", _OTHER, TWO),
    Syscall("umount", _OTHER, PATH),
    Syscall("umount2", _OTHER, PATH),
    Syscall("move_mount", _OTHER, TWO_AT, 429),
    Syscall("mount_setattr", _OTHER, AT, 442),
    Syscall("fspick", _OTHER, AT, 433),
    Syscall("swapon", _OTHER, PATH),
    Syscall("swapoff", _OTHER, PATH),
    Syscall("acct", _OTHER, PATH),
    Syscall("quotactl", _OTHER, (PathArgument(1),)),
    Syscall("bind", _CONNECT, SOCKADDR),
    Syscall("connect", _CONNECT, SOCKADDR),
    # These name no path, but change the meaning of later paths, or what the tracer can see.
    Syscall("setns", _OTHER, ()),
    Syscall("ptrace", _OTHER, ()),
    # These name no path either. They stop a tracee only where its uses are recorded.
    Syscall("socket", _OTHER, ()),
    Syscall("shmget", _OTHER, (), 395),
    Syscall("semget", _OTHER, (), 393),
    Syscall("msgget", _OTHER, (), 399),
    Syscall("mq_open", _OTHER, ()),
    Syscall("io_uring_setup", _OTHER, (), 425),
)
USED = frozenset({"socket", "shmget", "semget", "msgget", "mq_open", "io_uring_setup"})
CONNECT = next(row for row, call in enumerate(SYSCALLS) if call.name == "connect")
EXECVE = next(row for row, call in enumerate(SYSCALLS) if call.name == "execve")
ROOT_CALLS = frozenset({"chroot", "pivot_root", "setns"})
"""After one of these, an absolute path may start at a root other than the container's."""
MOUNT_CALLS = frozenset({"mount", "move_mount", "pivot_root", "setns"})
"""After one of these, a file of the image may have another name."""
READLINK = next(row for row, call in enumerate(SYSCALLS) if call.name == "readlink")

AT_EMPTY_PATH = 0x1000
# fstat(2) of glibc 2.33 to 2.38 is newfstatat(fd, "", buf, AT_EMPTY_PATH), and likewise with statx. These calls name no
# file, and are half of all stops. The filter allows exactly this value of the flags.
FLAGS_ARGUMENT = {"newfstatat": 3, "fstatat64": 3, "statx": 2}

X32_BIT = 0x40000000
SECCOMP_RET_TRACE = 0x7FF00000
_UNKNOWN = -1
"""__NR_SCMP_ERROR: libseccomp does not know the name. Other negative numbers are names of other architectures."""
_BPF_LD_W_ABS, _BPF_JEQ_K, _BPF_RET_K = 0x20, 0x15, 0x06
_OTHER_ABIS = {"x86_64": ("X86", "X32"), "aarch64": ("ARM",)}
_I386_NUMBERS = {"socket": 359, "bind": 361, "connect": 362, "semget": 393, "shmget": 395, "msgget": 399}
"""Since Linux 4.3 and 5.1. libseccomp resolves these names to pseudo numbers for socketcall(2), or to ipc(2)."""
SOCKETCALL = (0x40000003, 102)
"""AUDIT_ARCH_I386 and the number of socketcall(2), the single system call for sockets."""
SYS_BIND, SYS_CONNECT = 2, 3
"""The calls of socketcall(2) that name a path; from linux/net.h."""


def filter_program(machine: str, *, uses: bool = False) -> bytes:
    """Return the BPF program (array of struct sock_filter) that returns SECCOMP_RET_TRACE for every row.

    Rows of `USED` are among them only with `uses`.
    """
    program = seccomp.SyscallFilter(seccomp.ALLOW)
    # An unknown ABI is allowed, and only the watcher sees its accesses; killing the process would change the app.
    program.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.ALLOW)
    for abi in _OTHER_ABIS[machine]:
        program.add_arch(getattr(seccomp.Arch, abi))
    unknown: list[int] = []
    for call in SYSCALLS:
        if call.name in USED and not uses:
            continue
        if seccomp.resolve_syscall(seccomp.Arch.NATIVE, call.name) == _UNKNOWN:
            unknown += [call.number] if call.number else []
        elif call.name in FLAGS_ARGUMENT:
            condition = seccomp.Arg(FLAGS_ARGUMENT[call.name], seccomp.NE, AT_EMPTY_PATH)
            program.add_rule(seccomp.TRACE(0), call.name, condition)
        else:
            program.add_rule(seccomp.TRACE(0), call.name)
    return _newest(unknown) + _exported(program)


def _exported(program: Any) -> bytes:
    descriptor = os.memfd_create("filter", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "w+b") as file:
        program.export_bpf(file)
        file.seek(0)
        return file.read()


def _newest(calls: list[int]) -> bytes:
    """Return the instructions before those of libseccomp, for calls that are newer than the installed libseccomp."""
    if not calls:
        return b""
    code = [struct.pack("<HBBI", _BPF_LD_W_ABS, 0, 0, 0)]  # seccomp_data.nr
    for number in calls:
        code.append(struct.pack("<HBBI", _BPF_JEQ_K, 0, 1, number))
        code.append(struct.pack("<HBBI", _BPF_RET_K, 0, 0, SECCOMP_RET_TRACE))
    return b"".join(code)


def numbers(machine: str) -> dict[tuple[int, int], int]:
    """Return {(AUDIT_ARCH_..., number): row} for every ABI of the machine.

    x32 has the AUDIT_ARCH of x86_64, and differs in bit 30 of its numbers. That bit is cleared here: the numbers that
    only x32 uses are free in x86_64.
    """
    native = {"x86_64": seccomp.Arch.X86_64, "aarch64": seccomp.Arch.AARCH64}[machine]
    found: dict[tuple[int, int], int] = {}
    for name in ("", *_OTHER_ABIS[machine]):
        abi = getattr(seccomp.Arch, name) if name else native
        # Unsigned, as in the kernel; libseccomp's own Python binding returns a signed number.
        audit = int(native if name == "X32" else abi) & 0xFFFFFFFF
        for row, call in enumerate(SYSCALLS):
            number = seccomp.resolve_syscall(abi, call.name)
            if name == "X86" and call.name in _I386_NUMBERS:
                number = _I386_NUMBERS[call.name]
            number = number if number >= 0 else call.number
            if number > 0:
                found.setdefault((audit, number & ~X32_BIT), row)
    return found
