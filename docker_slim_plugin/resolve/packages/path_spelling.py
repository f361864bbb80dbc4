"""Convert paths of file lists to canonical paths of the image: /bin/sh is /usr/bin/sh if /bin is a link to usr/bin."""

from __future__ import annotations

import posixpath

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.rootfs.index import Rootfs

MAX_KNOWN = 200_000
"""Most directories that are cached. File lists may name any number that do not exist."""


class PathSpelling:
    """Finds the entries that file lists name. Each directory is resolved once."""

    def __init__(self, rootfs: Rootfs) -> None:
        self._rootfs = rootfs
        self._directories: dict[str, RootPath | None] = {}

    def canonical(self, path: str) -> RootPath | None:
        """Return the entry at `path`, which may be a symlink itself. None if the image does not have it."""
        found = RootPath(path)
        if found in self._rootfs.entries:
            return found
        parent, _, name = path.rpartition("/")
        if name in ("", ".", ".."):
            return self._rootfs.walk(path, follow=False).end if path.startswith("/") else None
        return self.child(parent or "/", name) if path.startswith("/") else None

    def child(self, directory: str, name: str) -> RootPath | None:
        """Return the entry with this name in a directory, or None."""
        if directory not in self._directories:
            if len(self._directories) >= MAX_KNOWN:
                self._directories.clear()
            end = self._rootfs.walk(directory).end if directory.startswith("/") else None
            self._directories[directory] = end
        above = self._directories[directory]
        found = RootPath(f"{'' if above == '/' else above}/{name}")
        return None if above is None or found not in self._rootfs.entries else found

    def file(self, path: str) -> RootPath | None:
        """Return the entry at `path`, or None if there is none or if it is a directory."""
        return self._no_directory(self.canonical(path))

    def file_in(self, directory: str, name: str) -> RootPath | None:
        """Return the entry with this name in a directory, or None if there is none or if it is a directory."""
        return self._no_directory(self.child(directory, name))

    def below(self, directory: str, name: str) -> RootPath | None:
        """Return the file at a path relative to a directory. ".." is resolved in the text."""
        return self.file(posixpath.normpath(f"{directory}/{name}"))

    def _no_directory(self, path: RootPath | None) -> RootPath | None:
        return None if path is None or self._rootfs.entries[path].kind is EntryKind.DIRECTORY else path
