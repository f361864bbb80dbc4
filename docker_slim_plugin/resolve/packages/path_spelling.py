"""Paths as package lists write them, in the image's own spelling: /bin/sh where /bin is a link to usr/bin."""

from __future__ import annotations

import posixpath

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.rootfs.index import Rootfs

MAX_KNOWN = 200_000
"""Directories remembered: lists may name any number that are not there."""


class PathSpelling:
    """Finds the entries that lists name; walks to each directory once."""

    def __init__(self, rootfs: Rootfs) -> None:
        self._rootfs = rootfs
        self._directories: dict[str, RootPath | None] = {}

    def canonical(self, path: str) -> RootPath | None:
        """Return the entry that `path` names, which may itself be a link; None for what the image does not have."""
        found = RootPath(path)
        if found in self._rootfs.entries:
            return found
        parent, _, name = path.rpartition("/")
        if name in ("", ".", ".."):
            return self._rootfs.walk(path, follow=False).end if path.startswith("/") else None
        return self.child(parent or "/", name) if path.startswith("/") else None

    def child(self, directory: str, name: str) -> RootPath | None:
        """Return the entry with this name in a directory."""
        if directory not in self._directories:
            if len(self._directories) >= MAX_KNOWN:
                self._directories.clear()
            end = self._rootfs.walk(directory).end if directory.startswith("/") else None
            self._directories[directory] = end
        above = self._directories[directory]
        found = RootPath(f"{'' if above == '/' else above}/{name}")
        return None if above is None or found not in self._rootfs.entries else found

    def file(self, path: str) -> RootPath | None:
        """Return the entry that `path` names unless it is a directory."""
        return self._no_directory(self.canonical(path))

    def file_in(self, directory: str, name: str) -> RootPath | None:
        """Return the entry with this name in a directory unless it is a directory itself."""
        return self._no_directory(self.child(directory, name))

    def below(self, directory: str, name: str) -> RootPath | None:
        """Return the file that a relative path names from a directory; ".." goes by the text."""
        return self.file(posixpath.normpath(f"{directory}/{name}"))

    def _no_directory(self, path: RootPath | None) -> RootPath | None:
        return None if path is None or self._rootfs.entries[path].kind is EntryKind.DIRECTORY else path
