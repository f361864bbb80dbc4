"""The metadata of one package of a language, and how what is left of a file is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from docker_slim_plugin.model.entry import RootPath

WrittenContents = Mapping[RootPath, bytes]
ContentMaker = Callable[[bytes, WrittenContents], bytes]
"""Makes what is left of a file's content, given what is made of the files before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageMetadata:
    """What describes one package, and whether that is in."""

    is_present: bool
    files: tuple[RootPath, ...]
    """All of its metadata."""
    kept_files: tuple[RootPath, ...]
    """What of it belongs into an image that has the package."""
    directory: RootPath | None = None
    """That holds metadata alone, and means something when empty."""
    is_read_at_start: bool = False
    """Its language reads the metadata of all packages at every start: that it was read says nothing of this one."""
    is_required: bool = False
    """Not present, and yet nothing starts without it where it was read."""
    file_lists: tuple[RootPath, ...] = ()
    """Of `wanted`, what lists the package's files."""
