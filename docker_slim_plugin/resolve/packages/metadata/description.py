"""The metadata of one package of a language, and how what is left of a file is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from docker_slim_plugin.model.entry import RootPath

Made = Mapping[RootPath, bytes]
Content = Callable[[bytes, Made], bytes]
"""Makes what is left of a file's content, given what is made of the files before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What describes one package, and whether that is in."""

    present: bool
    files: tuple[RootPath, ...]
    """All of its metadata."""
    wanted: tuple[RootPath, ...]
    """What of it belongs into an image that has the package."""
    directory: RootPath | None = None
    """That holds metadata alone, and means something when empty."""
    scanned: bool = False
    """Its language reads the metadata of all packages at every start: that it was read says nothing of this one."""
    needed: bool = False
    """Not present, and yet nothing starts without it where it was read."""
    lists: tuple[RootPath, ...] = ()
    """Of `wanted`, what lists the package's files."""
