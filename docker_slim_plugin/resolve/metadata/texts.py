"""The bytes of metadata: bounded, and what cannot be read is counted."""

from __future__ import annotations

from docker_slim_plugin.model import EntryKind, RootPath
from docker_slim_plugin.rootfs import Rootfs

MAX_FILE = 16 << 20
MAX_TOTAL = 512 << 20
"""Of one image."""


class Texts:
    """Reads files of one image whole or not at all."""

    def __init__(self, rootfs: Rootfs) -> None:
        self._rootfs = rootfs
        self._left = MAX_TOTAL
        self.unread: set[RootPath] = set()
        """Damaged, or too large."""

    def read(self, path: str, limit: int = MAX_FILE) -> bytes | None:
        """Return the regular file at `path`, links followed; None when there is none that can be read."""
        entry = self._rootfs.find(path)
        if entry is None or entry.kind is not EntryKind.FILE:
            return None
        limit = min(limit, self._left)
        try:
            with self._rootfs.reader.open(entry.path) as file:
                content = file.read(limit + 1)
        except OSError:
            content = None
        if content is None or len(content) > limit:
            self.unread.add(entry.path)
            return None
        self._left -= len(content)
        return content

    def warnings(self) -> tuple[str, ...]:
        """Return a warning when there was something that could not be read."""
        if not self.unread:
            return ()
        count = len(self.unread)
        return (f"{count} files of package metadata cannot be read and stay as they are: {min(self.unread)!r} ...",)
