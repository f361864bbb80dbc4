"""The record for the metadata of one package of a language, and the type of the functions that make new content."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from docker_slim_plugin.model.entry import RootPath

WrittenContents = Mapping[RootPath, bytes]
ContentMaker = Callable[[bytes, WrittenContents], bytes]
"""Returns the new content of a file. Arguments: its old content, and the new contents of the files before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageMetadata:
    """The metadata of one package, and whether the package is present."""

    is_present: bool
    files: tuple[RootPath, ...]
    """All files of the metadata."""
    kept_files: tuple[RootPath, ...]
    """The files that are kept if the package is present."""
    directory: RootPath | None = None
    """Directory of the metadata only. It has a meaning even when it is empty."""
    is_read_at_start: bool = False
    """The language reads the metadata of all packages at every start, so an access says nothing about this one."""
    is_required: bool = False
    """The package is not present, but programs do not start without its metadata."""
    file_lists: tuple[RootPath, ...] = ()
    """Those of `kept_files` that list the files of the package."""
