"""The binary format of an index, in which the reader process returns it.

An index consists of the numbers of all records, then the names, the symlink targets and the extended attributes. Every
length is checked before it is used: any input gives either records with these types, or ValueError.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

MAX_INDEX = 2 << 30
"""Maximum size of an index in bytes; an image of 1,000,000 files has about 150 MB."""
BLOCK = 1 << 20
"""Bytes of an index that are read at once."""
MAX_TEXT = 64 << 10
"""Maximum length in bytes of a path or a target."""
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


def pack(records: Iterable[Record]) -> Iterator[bytes]:
    """Return records as an index, in parts. Only the packed form is kept in memory."""
    count = 0
    numbers, names, targets, xattrs = bytearray(), bytearray(), bytearray(), bytearray()
    for path, mode, uid, gid, size, mtime_ns, rdev, target, inode, links, attributes in records:
        numbers += _NUMBERS.pack(mode, uid, gid, size, *divmod(mtime_ns, _NS), rdev, inode, links)
        # Paths and targets cannot contain NUL.
        names += b"\0" + path if count else path
        targets += b"\0" + target if count else target
        for name, value in attributes.items():
            xattrs += _XATTR.pack(count, len(name), len(value)) + name + value
        count += 1
    head = _HEAD.pack(count, *map(len, (names, targets, xattrs)))
    return map(bytes, (head, numbers, names, targets, xattrs))


Read = Callable[[int, int], bytes]
"""Returns up to SIZE bytes at OFFSET of an index."""


def unpack(read: Read, size: int) -> Iterator[Record]:
    """Yield the records of an index of `size` bytes; ValueError when it is invalid.

    It is read in blocks: the whole of it would take as much memory as its records.
    """
    if size > MAX_INDEX:
        raise ValueError("it is too long")
    head = read(_HEAD.size, 0)
    if len(head) < _HEAD.size:
        raise ValueError("it has no header")
    count, *sizes = _HEAD.unpack(head)
    begin = _HEAD.size + count * _NUMBERS.size
    if not count or size != begin + sum(sizes):
        raise ValueError("its size does not match its lengths")
    names, targets = begin, begin + sizes[0]
    xattrs = _xattrs(b"".join(_blocks(read, targets + sizes[1], sizes[2])), count)
    none: Mapping[bytes, bytes] = {}
    rows = zip(
        _texts(read, names, sizes[0]), _texts(read, targets, sizes[1]), _numbers(read, _HEAD.size, count), strict=True
    )
    for place, (path, target, (mode, uid, gid, bytes_, seconds, rest, rdev, inode, links)) in enumerate(rows):
        attributes = xattrs.get(place, none)
        yield Record(path, mode, uid, gid, bytes_, seconds * _NS + rest, rdev, target, inode, links, attributes)


def _blocks(read: Read, at: int, size: int, most: int = 0) -> Iterator[bytes]:
    end = at + size
    while at < end:
        block = read(min(most or BLOCK, end - at), at)
        if not block:
            raise ValueError("it is truncated")
        yield block
        at += len(block)


def _texts(read: Read, at: int, size: int) -> Iterator[bytes]:
    """Yield texts that NUL separates."""
    rest = b""
    for block in _blocks(read, at, size):
        *whole, rest = (rest + block).split(b"\0")
        if len(rest) > MAX_TEXT:
            raise ValueError("a name is too long")
        yield from whole
    yield rest


def _numbers(read: Read, at: int, count: int) -> Iterator[tuple[int, ...]]:
    most = BLOCK // _NUMBERS.size * _NUMBERS.size
    for block in _blocks(read, at, count * _NUMBERS.size, most):
        if len(block) % _NUMBERS.size:
            raise ValueError("it is truncated")
        yield from _NUMBERS.iter_unpack(block)


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
