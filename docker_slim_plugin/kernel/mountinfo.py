"""What a process has mounted, as the kernel tells it. See proc_pid_mountinfo(5)."""

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
    """Which directory of the file system is shown."""
    point: str
    """Where, seen from the root of the process."""
    kind: str
    options: bytes
    """Of the file system itself, as they stand: escaped."""


def parse_mountinfo(text: bytes) -> Iterator[Mount]:
    """Yield what a mountinfo file tells, lower ones before what is mounted over them."""
    # A carriage return may stand in a name as it is, so lines end at "\n" alone.
    for line in filter(None, text.split(b"\n")):
        before, _, after = line.partition(b" - ")
        number, _, device, root, point = before.split(b" ")[:5]
        kind, _, options = after.split(b" ", 2)
        yield Mount(int(number), device.decode(), _decode_path(root), _decode_path(point), kind.decode(), options)


def unescape(value: bytes) -> bytes:
    """Return a value without the escapes of the file's own format."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), value)


def _decode_path(value: bytes) -> str:
    return os.fsdecode(unescape(value))
