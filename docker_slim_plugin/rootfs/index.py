"""The pristine tree of an image: an index of its files, lookup through symlinks, and access to their content.

Performs no I/O itself: the index and the content come from a `Reader` (a process with access to the image, see
`pristine.py`; a dict in tests). Nothing here follows a path on the host.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, Protocol

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath

ROOT = RootPath("/")
MAX_LINKS = 40
"""The kernel's limit of symlinks in one lookup (path_resolution(7))."""

MAX_OPEN = 64
"""Most files that are opened with one request."""


class Reader(Protocol):
    """Provides the content of regular files of the pristine tree."""

    def open(self, path: RootPath) -> BinaryIO:
        """Return the regular file at `path`, which contains no symlinks, open and seekable; OSError when that fails."""
        ...

    def open_many(self, paths: Sequence[RootPath]) -> dict[RootPath, BinaryIO]:
        """Return those of at most MAX_OPEN files that can be opened. The caller closes them."""
        ...


class Walk(NamedTuple):
    """The result of a lookup."""

    links: tuple[RootPath, ...]
    """Symlinks that were followed, in order, each with all its parents resolved."""
    end: RootPath | None
    """The file or directory at the end (a symlink only if it was not followed); None when the path does not exist."""


@dataclass(frozen=True, slots=True)
class Rootfs:
    """The image's files by canonical path (only the last component of a key may be a symlink)."""

    entries: Mapping[RootPath, Entry]
    reader: Reader
    children: Mapping[RootPath, tuple[str, ...]]
    """The sorted names in each directory."""

    @classmethod
    def of(cls, entries: Iterable[Entry], reader: Reader) -> Rootfs:
        return cls.by_path({entry.path: entry for entry in entries}, reader)

    @classmethod
    def by_path(cls, entries: Mapping[RootPath, Entry], reader: Reader) -> Rootfs:
        return cls(entries, reader, _Children(sorted(entries)))

    def walk(self, path: str, *, follow: bool = True, root: str = "/") -> Walk:
        """Resolve `path` like the kernel: component by component; ".." in the process's `root` stays there.

        `path` is absolute in this tree, and lies below `root` unless that is "/". Absolute symlinks start at `root`. If
        the last component is a symlink, it is followed only if `follow`; otherwise it is the end.
        """
        known = self.entries.get(RootPath(path)) if root == "/" else None
        # Keys are canonical: no component before the last is a symlink.
        is_end = known is not None and known.kind is not EntryKind.SYMLINK
        return Walk((), RootPath(path)) if is_end else self._walk_components(path, follow=follow, root=root)

    def _walk_components(self, path: str, *, follow: bool, root: str) -> Walk:
        top = root.rstrip("/")
        inside = path.removeprefix(top) if top and path.startswith(f"{top}/") else path
        if inside == path:
            top = ""
        pending = inside.split("/")[::-1]
        here = top
        links: list[RootPath] = []
        while pending:
            part = pending.pop()
            if part in ("", "."):
                continue
            if part == "..":
                here = here.rpartition("/")[0] if here != top else top
                continue
            step = RootPath(f"{here}/{part}")
            entry = self.entries.get(step)
            if entry is None:
                return Walk(tuple(links), None)
            if entry.kind is not EntryKind.SYMLINK or not (follow or any(name not in ("", ".") for name in pending)):
                if entry.kind is not EntryKind.DIRECTORY and any(name != "" for name in pending):
                    return Walk(tuple(links), None)
                here = step
                continue
            links.append(step)
            if len(links) > MAX_LINKS:
                return Walk(tuple(dict.fromkeys(links)), None)
            if entry.target.startswith("/"):
                here = top
            pending.extend(entry.target.split("/")[::-1])
        end = RootPath(here or "/")
        # A root directory that the run created is not in the image.
        return Walk(tuple(dict.fromkeys(links)), end if end in self.entries else None)

    def find(self, path: str) -> Entry | None:
        """Return the entry at `path` after following symlinks, or None."""
        end = self.walk(path).end
        return None if end is None else self.entries.get(end)

    def below(self, top: RootPath) -> Iterator[Entry]:
        """Yield the entry at `top` and all entries below it, parents first, sorted; symlinks are not followed."""
        pending = [top]
        while pending:
            here = pending.pop()
            entry = self.entries.get(here)
            if entry is None:
                continue
            yield entry
            prefix = "" if here == ROOT else here
            pending.extend(RootPath(f"{prefix}/{name}") for name in reversed(self.children.get(here, ())))

    def read(self, path: str, limit: int = 64 * 1024 * 1024) -> bytes:
        """Return up to `limit` bytes of the regular file at `path`, with symlinks followed; b"" when there is none."""
        entry = self.find(path)
        if entry is None or entry.kind is not EntryKind.FILE:
            return b""
        with self.reader.open(entry.path) as file:
            return file.read(limit)

    def text(self, path: str, limit: int = 64 * 1024 * 1024) -> str:
        """Return the file as text; bytes that are not UTF-8 become surrogate escapes, as in paths."""
        return os.fsdecode(self.read(path, limit))


class _Children(Mapping[RootPath, tuple[str, ...]]):
    """The names in each directory. They are cut out of the paths when they are asked for, to save their memory."""

    def __init__(self, paths: Iterable[RootPath]) -> None:
        self._paths: dict[str, list[RootPath]] = {}
        for path in paths:
            if path != ROOT:
                self._paths.setdefault(path.rpartition("/")[0] or "/", []).append(path)

    def __getitem__(self, directory: RootPath) -> tuple[str, ...]:
        start = len(directory) + (directory != ROOT)
        return tuple(path[start:] for path in self._paths[directory])

    def __contains__(self, directory: object) -> bool:
        return directory in self._paths

    def __iter__(self) -> Iterator[RootPath]:
        return map(RootPath, self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def parents(path: RootPath) -> Iterator[RootPath]:
    """Yield the parent directories of `path`, nearest first, "/" last; nothing for "/"."""
    here: str = path
    while here != "/":
        here = here.rpartition("/")[0] or "/"
        yield RootPath(here)


def all_parents(paths: Iterable[RootPath]) -> set[RootPath]:
    """Return the parent directories of all of `paths`. Each directory is visited once."""
    found: set[RootPath] = set()
    for path in paths:
        for parent in parents(path):
            if parent in found:
                break
            found.add(parent)
    return found
