"""Kernel calls that Python's os module lacks: their own names, typed, OSError or nothing. No conveniences here."""

from __future__ import annotations

import ctypes
import os

# The following constants are taken from the Linux kernel headers.
AT_FDCWD = -100
CLONE_NEWNS = 0x00020000
OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = os.O_CLOEXEC
PR_SET_PDEATHSIG = 1

_SYS_OPEN_TREE = 428
"""The same on every architecture; glibc wraps open_tree(2) only since 2.36."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.setns.argtypes = (ctypes.c_int, ctypes.c_int)
_libc.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)
_libc.signalfd.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
_libc.syscall.restype = ctypes.c_long


def checked(result: int, call: str) -> int:
    """Return `result`, or raise errno's OSError when it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def setns(descriptor: int, kind: int) -> None:
    """Move the calling thread into another namespace, as in the manual page setns(2)."""
    checked(_libc.setns(descriptor, kind), "setns")


def open_tree(directory: int, path: bytes, flags: int) -> int:
    """Return a descriptor of the mount tree at `path`; with OPEN_TREE_CLONE a detached copy. See open_tree(2)."""
    arguments = (ctypes.c_long(_SYS_OPEN_TREE), ctypes.c_int(directory), ctypes.c_char_p(path), ctypes.c_uint(flags))
    return checked(_libc.syscall(*arguments), "open_tree")


def set_parent_death_signal(number: int) -> None:
    """Have the kernel send us signal `number` when the thread that started us ends. See prctl(2)."""
    checked(_libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0), "prctl")


def signalfd(number: int) -> int:
    """Return a descriptor that is readable while the blocked signal `number` is pending. See signalfd(2)."""
    signals = (1 << (number - 1)).to_bytes(128, "little")  # glibc's sigset_t has 1,024 bits
    return checked(_libc.signalfd(-1, signals, os.O_CLOEXEC | os.O_NONBLOCK), "signalfd")


def argv0(pid: int) -> str:
    """Return how `pid` calls itself; "" when it has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
            return os.fsdecode(file.read(256).split(b"\0", 1)[0])
    except OSError:
        return ""
