"""Read the headers of a layer's tar, in the sandbox. Contents are skipped, and nothing is written.

The names in it are made canonical. They are the names that docker would create: `..` ends at the root.
"""

from __future__ import annotations

import os
import posixpath
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from docker_slim_plugin.errors import SlimError

MAX_MEMBERS = 2_000_000
"""Most members of all layers of an image."""
MAX_NAME = 4095
"""Bytes of the longest path that the kernel accepts (PATH_MAX, without the NUL)."""
WHITEOUT, OPAQUE, RESERVED = ".wh.", ".wh..wh..opq", ".wh..wh."
"""Prefix of the name of a whiteout; the whiteout of a directory's content; prefix of names that make no file.

See the OCI image specification, "Image Layer Filesystem Changeset".
"""


class Member(NamedTuple):
    """One member of a layer's tar."""

    path: str
    """Absolute and canonical; a whiteout has its own name."""
    is_directory: bool
    size: int
    """Bytes of the file's content, 0 for a hard link; the length of a symlink's target in bytes."""
    stored: int
    """The size in the header. It is 0 for a symlink and, as docker writes it, for a hard link."""


class LayerReader:
    """Reads the layers of one image, with one limit for all of them."""

    def __init__(self) -> None:
        self._left = MAX_MEMBERS

    def read(self, file: BinaryIO) -> Iterator[Member]:
        """Yield the members of a layer, without its root. Raises SlimError if there are too many, or a name is."""
        try:
            with tarfile.open(fileobj=file, mode="r:", encoding="utf-8", errors="surrogateescape") as tar:
                for one in tar:
                    # tarfile keeps every member in memory.
                    tar.members.clear()  # type: ignore[attr-defined]
                    self._left -= 1
                    if self._left < 0:
                        raise SlimError(f"cannot read the image: its layers have more than {MAX_MEMBERS:,} entries")
                    path = canonical(one.name)
                    if path != "/":
                        yield Member(path, one.isdir(), _content(one), max(one.size, 0))
        except (tarfile.TarError, ValueError) as error:
            raise SlimError(
                f"cannot read a layer of the image: {error}", hint="docker pull, or build it anew"
            ) from error


def _content(member: tarfile.TarInfo) -> int:
    if member.issym():
        return len(os.fsencode(member.linkname))
    return max(member.size, 0) if member.isreg() else 0


def canonical(name: str) -> str:
    """Return the absolute path that docker creates for the name of a member. Raises SlimError if it is too long."""
    path = posixpath.normpath(f"/{name}")
    # POSIX keeps two slashes at the start.
    path = f"/{path.lstrip('/')}" if path.startswith("//") else path
    # A name with a NUL names no file; one that is not UTF-8 keeps its bytes.
    if len(path) > MAX_NAME or len(path.encode("utf-8", "surrogateescape")) > MAX_NAME:
        raise SlimError(f"cannot read a layer of the image: it has a path of more than {MAX_NAME} bytes")
    return path
