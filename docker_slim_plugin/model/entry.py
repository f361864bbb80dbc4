"""An entry of an image's file tree.

A path inside an image is a `RootPath`: an absolute, normalised string ("/usr/bin/env", "/" for the root; without "." or
"..", without double slashes), decoded by `os.fsdecode`, so that names that are not UTF-8 survive as surrogate escapes.
It is a separate type because `pathlib.Path` always means a path of the host. It is a string, not a PurePosixPath,
because an image has 100,000s of them and a hostile app can name millions.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

RootPath = NewType("RootPath", str)


class EntryKind(StrEnum):
    """Type of a file."""

    FILE = "file"
    DIRECTORY = "dir"
    SYMLINK = "link"
    FIFO = "fifo"
    CHARACTER = "char"
    BLOCK = "block"
    SOCKET = "sock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name in the image's pristine tree, with the metadata of lstat(2) and llistxattr(2)."""

    path: RootPath
    kind: EntryKind
    mode: int
    """Only the permission bits, with setuid, setgid and sticky (0o7777)."""
    uid: int = 0
    gid: int = 0
    size: int = 0
    """Bytes of a regular file, otherwise 0."""
    mtime_ns: int = 0
    target: str = ""
    """Target of a symlink, not resolved."""
    device: tuple[int, int] = (0, 0)
    """Major and minor number of a device node."""
    inode: int = 0
    """Names with the same non-zero inode and links > 1 are hard links of one file."""
    links: int = 1
    xattrs: tuple[tuple[str, bytes], ...] = ()
    """Sorted by name, e.g. security.capability or user.note."""

    @property
    def is_executable(self) -> bool:
        return self.kind is EntryKind.FILE and bool(self.mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH))
