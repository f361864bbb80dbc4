"""Decoding of the index that the reader process returns: from records to entries, with corrections."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.rootfs.index_format import Record, unpack

KINDS = {
    stat.S_IFREG: EntryKind.FILE,
    stat.S_IFDIR: EntryKind.DIRECTORY,
    stat.S_IFLNK: EntryKind.SYMLINK,
    stat.S_IFIFO: EntryKind.FIFO,
    stat.S_IFCHR: EntryKind.CHARACTER,
    stat.S_IFBLK: EntryKind.BLOCK,
    stat.S_IFSOCK: EntryKind.SOCKET,
}
"""Kind of an entry by the file type bits of its mode (inode(7))."""

MAX_TIMES = 1 << 16
"""Most times that are compared."""


@dataclass(frozen=True, slots=True)
class Corrections:
    """The entries of an index that come from the engine and not from the image."""

    removed: frozenset[RootPath]
    replaced: tuple[Entry, ...]

    def apply(self, entries: dict[RootPath, Entry]) -> dict[RootPath, Entry]:
        """Reduce entries by path to the image's own, in the same order, and return them."""
        for path in self.removed:
            entries.pop(path, None)
        for entry in self.replaced:
            if entry.path in entries:
                entries[entry.path] = entry
        return entries


def read_index(memory: int, size: int) -> dict[RootPath, Entry]:
    """Return the entries of an index of `size` bytes by path, in its order: directories before their content.

    SlimError when the index is invalid. `memory` is a descriptor that other processes may share, so its file offset is
    not changed.
    """
    try:
        return _tree(_to_entries(unpack(partial(os.pread, memory), size)))
    except (OSError, ValueError) as error:
        raise SlimError(f"cannot use the index from the process that reads the image's files: {error}") from error


def _tree(entries: Iterable[Entry]) -> dict[RootPath, Entry]:
    """Return entries by path; ValueError unless each name is unique, and in a directory that came before."""
    found: dict[RootPath, Entry] = {}
    directories: set[str] = set()
    for one in entries:
        parent, slash, name = one.path.rpartition("/")
        fits = parent in directories and name not in ("", ".", "..") if found else one.path == "/"
        if not (slash and fits) or one.path in found:
            raise ValueError("it is not a tree")
        found[one.path] = one
        if one.kind is EntryKind.DIRECTORY:
            directories.add("" if one.path == "/" else one.path)
    return found


def _to_entries(records: Iterable[Record]) -> Iterator[Entry]:
    """Yield records as entries. Files of one layer often have the same time, which is kept in memory once."""
    times: dict[int, int] = {}
    for record in records:
        known = times.setdefault(record.mtime_ns, record.mtime_ns)
        if len(times) > MAX_TIMES:
            times.clear()
        yield to_entry(record, known)


def to_entry(record: Record, mtime_ns: int) -> Entry:
    """Return a record as an entry; ValueError when its file type is unknown."""
    path, mode, uid, gid, size, _, rdev, target, inode, links, xattrs = record
    kind = KINDS.get(stat.S_IFMT(mode))
    if kind is None:
        raise ValueError("it has a file of an unknown type")
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
        xattrs=tuple(sorted((os.fsdecode(name), value) for name, value in xattrs.items())) if xattrs else (),
    )
