"""The index of an image's tree as the process that reads it gives it: records to entries, and corrections to them."""

from __future__ import annotations

import marshal
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from docker_slim_plugin.model import Entry, EntryKind, RootPath

_KINDS = {
    stat.S_IFREG: EntryKind.FILE,
    stat.S_IFDIR: EntryKind.DIRECTORY,
    stat.S_IFLNK: EntryKind.SYMLINK,
    stat.S_IFIFO: EntryKind.FIFO,
    stat.S_IFCHR: EntryKind.CHARACTER,
    stat.S_IFBLK: EntryKind.BLOCK,
    stat.S_IFSOCK: EntryKind.SOCKET,
}


@dataclass(frozen=True, slots=True)
class Corrections:
    """What of an index is docker's and not the image's."""

    removed: frozenset[RootPath]
    replaced: tuple[Entry, ...]

    def applied(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the image's own entries, in their order."""
        replaced = {entry.path: entry for entry in self.replaced}
        return [replaced.get(entry.path, entry) for entry in entries if entry.path not in self.removed]


def read_index(memory: int, size: int) -> tuple[Entry, ...]:
    """Return the entries of an index of `size` bytes, in its order: parents before what is in them.

    `memory` is a descriptor that others may have too, so its file offset is left alone.
    """
    data = b"".join(_blocks(memory, size))
    # From a process of ours, which looks into no file of the image.
    return tuple(entry(record) for record in marshal.loads(data))  # noqa: S302


def _blocks(memory: int, size: int) -> Iterator[bytes]:
    at = 0
    while at < size and (block := os.pread(memory, size - at, at)):
        yield block
        at += len(block)


def entry(record: tuple[Any, ...]) -> Entry:
    """Return one record of tree_reader.py as an entry."""
    path, mode, uid, gid, size, mtime_ns, rdev, target, inode, links, xattrs = record
    kind = _KINDS[stat.S_IFMT(mode)]
    return Entry(
        path=RootPath(os.fsdecode(path)),
        kind=kind,
        mode=stat.S_IMODE(mode),
        uid=uid,
        gid=gid,
        size=size if kind is EntryKind.FILE else 0,
        mtime_ns=mtime_ns,
        target=os.fsdecode(target),
        device=(os.major(rdev), os.minor(rdev)) if kind in (EntryKind.CHARACTER, EntryKind.BLOCK) else (0, 0),
        inode=inode if links > 1 and kind is not EntryKind.DIRECTORY else 0,
        links=links if kind is not EntryKind.DIRECTORY else 1,
        xattrs=tuple(sorted((os.fsdecode(name), value) for name, value in xattrs.items())),
    )
