"""A pristine tree from a dict, for tests that need no container."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.rootfs.index import Rootfs, parents


class Contents:
    """A Reader over a dict."""

    def __init__(self, contents: Mapping[RootPath, bytes]) -> None:
        self.contents = contents

    def open(self, path: RootPath) -> BinaryIO:
        return io.BytesIO(self.contents[path])

    def open_many(self, paths: Sequence[RootPath]) -> dict[RootPath, BinaryIO]:
        return {path: self.open(path) for path in paths if path in self.contents}


def rootfs(tree: Mapping[str, str | bytes | Entry]) -> Rootfs:
    """Return a tree: "-> target" is a symlink, None-like "/" behind a name a directory, an Entry itself, else a file.

    Text that starts with #! or ELF bytes is executable (0755), other files are 0644; missing parents are made, 0755.
    """
    entries: dict[RootPath, Entry] = {RootPath("/"): _directory("/")}
    contents: dict[RootPath, bytes] = {}
    for name, what in tree.items():
        path = RootPath(name.rstrip("/"))
        for parent in parents(path):
            entries.setdefault(parent, _directory(parent))
        if isinstance(what, Entry):
            entries[path] = what
        elif name.endswith("/"):
            entries[path] = _directory(path)
        elif isinstance(what, str) and what.startswith("-> "):
            entries[path] = Entry(path=path, kind=EntryKind.SYMLINK, mode=0o777, target=what[3:])
        else:
            data = what if isinstance(what, bytes) else what.encode(errors="surrogateescape")
            mode = 0o755 if data.startswith((b"#!", b"\x7fELF")) else 0o644
            contents[path] = data
            entries[path] = Entry(path=path, kind=EntryKind.FILE, mode=mode, size=len(data))
    return Rootfs.of(entries.values(), Contents(contents))


def _directory(path: str) -> Entry:
    return Entry(path=RootPath(path), kind=EntryKind.DIRECTORY, mode=0o755)
