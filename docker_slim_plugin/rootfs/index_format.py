"""The binary format of an index, in which the reader process returns it.

An index consists of the numbers of all records, then the names, the symlink targets and the extended attributes. Every
length is checked before it is used: any input gives either records with these types, or ValueError.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

MAX_INDEX = 2 << 30
"""Maximum size of an index in bytes; an image of 1,000,000 files has about 150 MB."""
_HEAD = struct.Struct("<4Q")
"""Number of records; bytes of the names, of the targets, of the extended attributes."""
_NUMBERS = struct.Struct("<IIIQqIQQQ")
_NS = 10**9
_XATTR = struct.Struct("<QII")
"""Index of the record; bytes of name and value, which follow."""


class Record(NamedTuple):
    """The result of lstat(2), readlink(2) and llistxattr(2) for one name."""

    path: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    rdev: int
    target: bytes
    inode: int
    links: int
    xattrs: Mapping[bytes, bytes]


def pack(records: Sequence[Record]) -> bytes:
    """Return records as bytes."""
    numbers = b"".join(
        _NUMBERS.pack(mode, uid, gid, size, *divmod(mtime_ns, _NS), rdev, inode, links)
        for _, mode, uid, gid, size, mtime_ns, rdev, _, inode, links, _ in records
    )
    # Paths and targets cannot contain NUL.
    names, targets = b"\0".join(one[0] for one in records), b"\0".join(one[7] for one in records)
    xattrs = b"".join(
        _XATTR.pack(place, len(name), len(value)) + name + value
        for place, one in enumerate(records)
        if one[10]
        for name, value in one[10].items()
    )
    return b"".join((_HEAD.pack(len(records), *map(len, (names, targets, xattrs))), numbers, names, targets, xattrs))


def unpack(data: bytes) -> Iterable[Record]:
    """Return the records of an index; ValueError when it is invalid."""
    if len(data) < _HEAD.size:
        raise ValueError("it has no header")
    count, *sizes = _HEAD.unpack_from(data)
    at = _HEAD.size + count * _NUMBERS.size
    if not count or len(data) != at + sum(sizes):
        raise ValueError("its size does not match its lengths")
    parts = []
    for size in sizes:
        parts.append(data[at : at + size])
        at += size
    names, targets = (part.split(b"\0") for part in parts[:2])
    if not len(names) == len(targets) == count:
        raise ValueError("it has more or fewer names than records")
    xattrs = _xattrs(parts[2], count)
    none: Mapping[bytes, bytes] = {}
    numbers = _NUMBERS.iter_unpack(memoryview(data)[_HEAD.size : _HEAD.size + count * _NUMBERS.size])
    return (
        Record(path, mode, uid, gid, size, seconds * _NS + rest, rdev, target, inode, links, xattrs.get(place, none))
        for place, (path, target, (mode, uid, gid, size, seconds, rest, rdev, inode, links)) in enumerate(
            zip(names, targets, numbers, strict=True)
        )
    )


def _xattrs(data: bytes, count: int) -> dict[int, dict[bytes, bytes]]:
    found: dict[int, dict[bytes, bytes]] = {}
    at = 0
    while at < len(data):
        if len(data) - at < _XATTR.size:
            raise ValueError("an extended attribute has no header")
        place, name, value = _XATTR.unpack_from(data, at)
        at += _XATTR.size
        if place >= count or name + value > len(data) - at:
            raise ValueError("an extended attribute has no record, or is too long")
        found.setdefault(place, {})[data[at : at + name]] = data[at + name : at + name + value]
        at += name + value
    return found
