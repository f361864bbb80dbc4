"""System calls that Python's os module lacks, by their own names; they raise OSError. No higher-level functions."""

from __future__ import annotations

import ctypes
import os
import sys

# The following constants are from the Linux kernel headers.
AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = os.O_CLOEXEC
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC = 1, 2, 4, 8
RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH = 0x02, 0x04, 0x08
PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 8, 24, 38
CAP_DAC_READ_SEARCH, CAP_SYS_CHROOT, CAP_SYS_ADMIN = 2, 18, 21
_CAPABILITY_VERSION_3 = 0x20080522

_SYS_OPEN_TREE, _SYS_OPENAT2, _SYS_PIDFD_GETFD, _SYS_MOUNT_SETATTR = 428, 437, 438, 442
"""System call numbers that are the same on all architectures. glibc wraps the first and last since 2.36, openat2(2)
never.
"""


class open_how(ctypes.Structure):  # noqa: N801 (the kernel's own name)
    """See openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class mount_attr(ctypes.Structure):  # noqa: N801 (the kernel's own name)
    """See mount_setattr(2)."""

    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


_libc = ctypes.CDLL(None, use_errno=True)
_libc.setns.argtypes = (ctypes.c_int, ctypes.c_int)
_libc.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)
_libc.capset.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
_libc.capget.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
_libc.signalfd.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
_libc.syscall.restype = ctypes.c_long


def check_result(result: int, call: str) -> int:
    """Return `result`; raise OSError with errno when it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def setns(descriptor: int, kind: int) -> None:
    """Move the calling thread into another namespace. See setns(2)."""
    check_result(_libc.setns(descriptor, kind), "setns")


def open_tree(directory: int, path: bytes, flags: int) -> int:
    """Return a descriptor of the mount tree at `path`; with OPEN_TREE_CLONE a detached copy. See open_tree(2)."""
    arguments = (ctypes.c_long(_SYS_OPEN_TREE), ctypes.c_int(directory), ctypes.c_char_p(path), ctypes.c_uint(flags))
    return check_result(_libc.syscall(*arguments), "open_tree")


def mount_setattr(tree: int, attributes: int) -> None:
    """Set MOUNT_ATTR_* on the mount of the descriptor `tree`. See mount_setattr(2); since Linux 5.12."""
    wanted = mount_attr(attr_set=attributes)
    number, flags = ctypes.c_long(_SYS_MOUNT_SETATTR), ctypes.c_uint(AT_EMPTY_PATH)
    size = ctypes.c_size_t(ctypes.sizeof(wanted))
    result = _libc.syscall(number, ctypes.c_int(tree), ctypes.c_char_p(b""), flags, ctypes.byref(wanted), size)
    check_result(result, "mount_setattr")


def openat2(directory: int, path: bytes, flags: int, resolve: int) -> int:
    """Open `path` relative to the descriptor `directory`, restricted by RESOLVE_*. See openat2(2); since Linux 5.6.

    The caller retries EAGAIN (something was renamed meanwhile, and ".." or a root could not be resolved safely).
    """
    how = open_how(flags=flags | os.O_CLOEXEC, resolve=resolve)
    arguments = (ctypes.c_long(_SYS_OPENAT2), ctypes.c_int(directory), ctypes.c_char_p(path))
    size = ctypes.c_size_t(ctypes.sizeof(how))
    return check_result(_libc.syscall(*arguments, ctypes.byref(how), size), "openat2")


def pidfd_getfd(process: int, descriptor: int) -> int:
    """Return a duplicate of a descriptor of another process, given its pidfd. See pidfd_getfd(2); since Linux 5.6."""
    arguments = (ctypes.c_long(_SYS_PIDFD_GETFD), ctypes.c_int(process), ctypes.c_int(descriptor), ctypes.c_uint(0))
    return check_result(_libc.syscall(*arguments), "pidfd_getfd")


def capabilities() -> int:
    """Return the permitted capabilities of the calling thread, bit N for capability N. See capget(2)."""
    header, data = _capability_header(), ctypes.create_string_buffer(24)
    check_result(_libc.capget(header, data), "capget")
    words = memoryview(data).cast("B").cast("I")
    return words[1] | words[4] << 32


def set_capabilities(permitted: int) -> None:
    """Set the permitted and effective capabilities of the calling thread, with none inheritable. See capset(2)."""
    low, high = permitted & 0xFFFFFFFF, permitted >> 32
    words = (low, low, 0, high, high, 0)
    data = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    check_result(_libc.capset(_capability_header(), data), "capset")


def _capability_header() -> bytes:
    return _CAPABILITY_VERSION_3.to_bytes(4, sys.byteorder) + bytes(4)


def prctl(option: int, value: int) -> int:
    """Call prctl(2) with one argument."""
    return check_result(_libc.prctl(option, value, 0, 0, 0), "prctl")


def set_parent_death_signal(number: int) -> None:
    """Make the kernel send signal `number` to this process when its parent thread ends. See prctl(2)."""
    prctl(PR_SET_PDEATHSIG, number)


def signalfd(number: int) -> int:
    """Return a descriptor that is readable while the blocked signal `number` is pending. See signalfd(2)."""
    signals = (1 << (number - 1)).to_bytes(128, "little")  # glibc's sigset_t has 1,024 bits
    return check_result(_libc.signalfd(-1, signals, os.O_CLOEXEC | os.O_NONBLOCK), "signalfd")


def command_line(pid: int, size: int = 1024) -> tuple[str, ...]:
    """Return the arguments of `pid`; empty when it has ended.

    Of more than `size` bytes, those that are whole within them, and "...": a part of a secret cannot be recognised.
    """
    try:
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
            text = file.read(size + 1)
    except OSError:
        return ()
    if len(text) > size:
        whole, _, _ = text[:size].rpartition(b"\0")
        text = whole + b"\0..." if whole else b"..."
    return tuple(map(os.fsdecode, text.removesuffix(b"\0").split(b"\0"))) if text else ()


def argv0(pid: int) -> str:
    """Return argv[0] of `pid`; "..." when it is longer than 256 bytes, "" when it has ended."""
    return next(iter(command_line(pid, 256)), "")


def read_available(descriptor: int, size: int) -> bytes:
    """Return what a non-blocking descriptor has, `size` bytes at most; b"" when it has nothing yet."""
    try:
        return os.read(descriptor, size)
    except BlockingIOError:
        return b""
