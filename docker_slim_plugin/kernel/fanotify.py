"""fanotify(7): constants and thin wrappers that raise OSError."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator

from docker_slim_plugin.kernel.syscalls import AT_FDCWD, check_result

# The following constants are taken from linux/fanotify.h.
FAN_OPEN = 0x00000020
FAN_ONDIR = 0x40000000
FAN_OPEN_EXEC = 0x00001000
FAN_Q_OVERFLOW = 0x00004000
FAN_OPEN_PERM = 0x00010000
FAN_OPEN_EXEC_PERM = 0x00040000
FAN_CLOEXEC = 0x00000001
FAN_NONBLOCK = 0x00000002
FAN_CLASS_NOTIF = 0x00000000
FAN_CLASS_CONTENT = 0x00000004
FAN_UNLIMITED_QUEUE = 0x00000010
FAN_REPORT_TID = 0x00000100
FAN_MARK_ADD = 0x00000001
FAN_MARK_REMOVE = 0x00000002
FAN_MARK_MOUNT = 0x00000010
FAN_MARK_FILESYSTEM = 0x00000100
FAN_ALLOW = 0x01

_METADATA = struct.Struct("=IBBHQii")
"""struct fanotify_event_metadata: event_len, vers, reserved, metadata_len, mask, fd, pid"""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fanotify_init.argtypes = (ctypes.c_uint, ctypes.c_uint)
_libc.fanotify_mark.argtypes = (ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p)


def fanotify_init(flags: int, event_flags: int) -> int:
    """Return the descriptor of a new group; needs CAP_SYS_ADMIN. See fanotify_init(2)."""
    return check_result(_libc.fanotify_init(flags, event_flags), "fanotify_init")


def fanotify_mark(group: int, flags: int, mask: int, path: str) -> None:
    """Add `mask` to the group's mark on `path`, or remove it, depending on `flags`. See fanotify_mark(2)."""
    check_result(_libc.fanotify_mark(group, flags, mask, AT_FDCWD, os.fsencode(path)), "fanotify_mark")


def marked_group(flags: int, event_flags: int, mark: int, mask: int, path: str) -> int:
    """Return the descriptor of a new group with one mark, of kind `mark`, on `path`."""
    group = fanotify_init(flags, event_flags)
    try:
        fanotify_mark(group, FAN_MARK_ADD | mark, mask, path)
    except OSError:
        os.close(group)
        raise
    return group


def events(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (mask, descriptor, pid) of each event in `data`, read from a group; the caller closes the descriptors."""
    at = 0
    while at + _METADATA.size <= len(data):
        length, _, _, _, mask, descriptor, pid = _METADATA.unpack_from(data, at)
        yield mask, descriptor, pid
        at += max(length, _METADATA.size)
