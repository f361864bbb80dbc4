"""Passing of descriptors between our processes (SCM_RIGHTS, unix(7)), without importing a module at that time.

socket.send_fds imports `array` when it is called; sendmsg(2) needs no import.
"""

from __future__ import annotations

import os
import socket
import struct

_INT = struct.Struct("i")
MAX_DESCRIPTORS = 2
"""Maximum number of descriptors in one packet, unless the receiver expects more."""


def send(channel: socket.socket, text: bytes, *descriptors: int) -> None:
    """Send one packet with `descriptors`."""
    packed = b"".join(map(_INT.pack, descriptors))
    channel.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, packed)] if packed else [])


def receive(channel: socket.socket, size: int = 1 << 16, most: int = MAX_DESCRIPTORS) -> tuple[bytes, tuple[int, ...]]:
    """Receive one packet; return it and its descriptors (close-on-exec), or (b"", ()) at the end of the channel."""
    space = socket.CMSG_SPACE(most * _INT.size)
    data, ancillary, _, _ = channel.recvmsg(size, space, socket.MSG_CMSG_CLOEXEC)
    found: list[int] = []
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            whole = len(content) // _INT.size * _INT.size
            found += (number for (number,) in _INT.iter_unpack(content[:whole]))
    return data, tuple(found)


def receive_one(channel: socket.socket) -> tuple[bytes, int | None]:
    """Receive one packet; return it and its first descriptor, and close any others."""
    data, found = receive(channel)
    for more in found[1:]:
        os.close(more)
    return data, found[0] if found else None
