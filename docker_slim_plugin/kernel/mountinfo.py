"""The mounts of a process, from /proc/PID/mountinfo. See proc_pid_mountinfo(5)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

_ESCAPE = re.compile(rb"\\([0-7]{3})")


class Mount(NamedTuple):
    """One line of a mountinfo file."""

    id: int
    device: str
    """MAJOR:MINOR of the file system."""
    root: str
    """The directory of the file system that is mounted."""
    point: str
    """The mount point, relative to the root of the process."""
    kind: str
    options: bytes
    """Options of the file system, with the escapes of the file."""


def parse_mountinfo(text: bytes) -> Iterator[Mount]:
    """Yield the mounts in a mountinfo file; a mount comes before those that hide it."""
    # A name may contain a carriage return, so only "\n" ends a line.
    for line in filter(None, text.split(b"\n")):
        before, _, after = line.partition(b" - ")
        number, _, device, root, point = before.split(b" ")[:5]
        kind, _, options = after.split(b" ", 2)
        yield Mount(int(number), device.decode(), _decode_path(root), _decode_path(point), kind.decode(), options)


def unescape(value: bytes) -> bytes:
    """Return a value with the octal escapes of the file decoded."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), value)


def _decode_path(value: bytes) -> str:
    return os.fsdecode(unescape(value))
