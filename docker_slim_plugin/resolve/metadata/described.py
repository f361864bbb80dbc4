"""The metadata of one package of a language."""

from __future__ import annotations

from dataclasses import dataclass

from docker_slim_plugin.model import RootPath


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
