"""Checks that the kernel facilities which a run needs are permitted; each raises OSError with the reason otherwise."""

from __future__ import annotations

import ctypes
import os
import subprocess

from docker_slim_plugin.kernel.syscalls import (
    AT_FDCWD,
    MOUNT_ATTR_RDONLY,
    OPEN_TREE_CLOEXEC,
    OPEN_TREE_CLONE,
    RESOLVE_BENEATH,
    RESOLVE_NO_SYMLINKS,
    check_result,
    mount_setattr,
    open_tree,
    openat2,
)

# The following constants are from the Linux kernel headers.
PTRACE_SEIZE = 0x4206
SECCOMP_GET_ACTION_AVAIL = 2
SECCOMP_RET_TRACE = 0x7FF00000
FAN_CLOEXEC = 1
FAN_MARK_ADD = 1
FAN_MARK_FILESYSTEM = 0x100
FAN_OPEN = 0x20
FAN_OPEN_EXEC = 0x1000
_SYS_SECCOMP = {"x86_64": 317, "aarch64": 277}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long
_libc.syscall.restype = ctypes.c_long
_libc.fanotify_init.argtypes = (ctypes.c_uint, ctypes.c_uint)
_libc.fanotify_mark.argtypes = (ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p)


def check_ptrace_seize() -> None:
    """Attach to a child process with PTRACE_SEIZE. See ptrace(2), "Ptrace access mode checking"."""
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            check_result(_libc.ptrace(PTRACE_SEIZE, child.pid, None, None), "ptrace")
        finally:
            child.kill()


def check_seccomp_trace() -> None:
    """Check that the kernel supports SECCOMP_RET_TRACE. See seccomp(2)."""
    action = ctypes.c_uint32(SECCOMP_RET_TRACE)
    number = ctypes.c_long(_SYS_SECCOMP.get(os.uname().machine, -1))
    arguments = (ctypes.c_uint(SECCOMP_GET_ACTION_AVAIL), ctypes.c_uint(0), ctypes.byref(action))
    check_result(_libc.syscall(number, *arguments), "seccomp")


def check_fanotify_mark() -> None:
    """Set a fanotify mark on the whole file system of "/". See fanotify_mark(2)."""
    group = check_result(_libc.fanotify_init(FAN_CLOEXEC, os.O_RDONLY), "fanotify_init")
    try:
        flags, mask = FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN | FAN_OPEN_EXEC
        check_result(_libc.fanotify_mark(group, flags, mask, AT_FDCWD, b"/"), "fanotify_mark")
    finally:
        os.close(group)


def check_mount_clone() -> None:
    """Clone the root mount read-only, and open a path in it. See open_tree(2), mount_setattr(2), openat2(2)."""
    clone = open_tree(AT_FDCWD, b"/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
    try:
        mount_setattr(clone, MOUNT_ATTR_RDONLY)
        os.close(openat2(clone, b".", os.O_PATH, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS))
    finally:
        os.close(clone)
