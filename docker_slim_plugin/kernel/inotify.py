"""inotify(7): constants and thin wrappers that raise OSError. Python libraries in distributions ignore overflows."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator

from docker_slim_plugin.kernel.syscalls import check_result

# The following constants are taken from linux/inotify.h.
IN_OPEN = 0x00000020
IN_Q_OVERFLOW = 0x00004000
IN_ONLYDIR = 0x01000000
IN_CLOEXEC = os.O_CLOEXEC
IN_NONBLOCK = os.O_NONBLOCK

_EVENT = struct.Struct("=iIII")
"""struct inotify_event: wd, mask, cookie, len; a name of len bytes, padded with NUL, follows"""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.inotify_init1.argtypes = (ctypes.c_int,)
_libc.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)


def inotify_init1(flags: int) -> int:
    """Return the descriptor of a new instance. See inotify_init1(2)."""
    return check_result(_libc.inotify_init1(flags), "inotify_init1")


def inotify_add_watch(instance: int, path: str, mask: int) -> int:
    """Add a watch on `path`, and return its watch descriptor. See inotify_add_watch(2)."""
    return check_result(_libc.inotify_add_watch(instance, os.fsencode(path), mask), "inotify_add_watch")


def events(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (watch descriptor, mask, name in the directory) of each event in `data`, as read from an instance."""
    at = 0
    while at + _EVENT.size <= len(data):
        watch, mask, _, length = _EVENT.unpack_from(data, at)
        at += _EVENT.size
        yield watch, mask, data[at : at + length].rstrip(b"\0")
        at += length
