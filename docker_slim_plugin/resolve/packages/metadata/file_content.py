"""Read metadata files with size limits, and record those that cannot be read."""

from __future__ import annotations

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.rootfs.index import Rootfs

MAX_FILE = 8 << 20
MAX_TOTAL = 128 << 20
"""Total size of all files of one image that are read without a limit of their own."""


class MetadataReader:
    """Reads files of one image, each one whole or not at all."""

    def __init__(self, rootfs: Rootfs) -> None:
        self._rootfs = rootfs
        self._left = MAX_TOTAL
        self.unread: set[RootPath] = set()
        """Files that are damaged or too large."""

    def read(self, path: str, own_limit: int = 0) -> bytes | None:
        """Return the content of the regular file at `path`, following symlinks. None if it cannot be read."""
        entry = self._rootfs.find(path)
        if entry is None or entry.kind is not EntryKind.FILE:
            return None
        limit = own_limit or min(MAX_FILE, self._left)
        try:
            with self._rootfs.reader.open(entry.path) as file:
                content = file.read(limit + 1)
        except OSError:
            content = None
        if content is None or len(content) > limit:
            self.unread.add(entry.path)
            return None
        self._left -= 0 if own_limit else len(content)
        return content

    def warnings(self) -> tuple[str, ...]:
        """Return a warning if any file could not be read."""
        if not self.unread:
            return ()
        more = f" and {len(self.unread) - 1} more" if len(self.unread) > 1 else ""
        return (f"cannot read {min(self.unread)!r}{more}: this package metadata stays as it is",)
