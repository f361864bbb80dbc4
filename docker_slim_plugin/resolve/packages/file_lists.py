"""Collect the owner of each file from the file lists of all packages."""

from __future__ import annotations

from collections.abc import Iterable

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.packages.path_spelling import PathSpelling
from docker_slim_plugin.rootfs.index import Rootfs

MAX_OWNERS = 64
"""Most owners of one file."""


class FileOwners:
    """Owners by file, built from one file list after the other."""

    def __init__(self, rootfs: Rootfs) -> None:
        self.spelling = PathSpelling(rootfs)
        self.owners: dict[RootPath, str] = {}
        self.co_owners: dict[RootPath, tuple[str, ...]] = {}

    def add_paths(self, key: str, paths: Iterable[str]) -> None:
        """Record the package `key` as an owner of these paths, spelled as in a file list."""
        self.add_files(key, map(self.spelling.file, paths))

    def add_files(self, key: str, files: Iterable[RootPath | None]) -> None:
        """Record the package `key` as an owner of these files."""
        for path in files:
            if path is None:
                continue
            before = self.owners.get(path, key)
            if before != key:
                self.co_owners[path] = tuple({before: None, **dict.fromkeys(self.co_owners.get(path, ()))})[:MAX_OWNERS]
            self.owners[path] = key

    def of(self, path: str) -> tuple[str, ...]:
        """Return the packages that own the file at a path."""
        file = self.spelling.file(path)
        if file is None or file not in self.owners:
            return ()
        return (self.owners[file], *self.co_owners.get(file, ()))
