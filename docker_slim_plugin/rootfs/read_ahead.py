"""Open files of a tree in an order that is known before: several with one request, because each request is a wait."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from types import TracebackType
from typing import BinaryIO, Self

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.rootfs.index import MAX_OPEN, Reader


class ReadAhead:
    """A context manager with the `open` of a Reader. `paths` are the files that will be opened, in this order.

    Files may be left out, and others may be opened between. Each is opened once.
    """

    def __init__(self, reader: Reader, paths: Iterable[RootPath]) -> None:
        self._reader = reader
        self._coming = iter(paths)
        self._opened: dict[RootPath, BinaryIO] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def open(self, path: RootPath) -> BinaryIO:
        """Return the regular file at `path`, open for reading; OSError when that fails."""
        if path not in self._opened:
            self._close()
            for one in self._coming:
                if one == path:
                    self._opened = self._reader.open_many([one, *islice(self._coming, MAX_OPEN - 1)])
                    break
        found = self._opened.pop(path, None)
        # The reader tells for one file alone why it cannot be opened.
        return self._reader.open(path) if found is None else found

    def _close(self) -> None:
        for file in self._opened.values():
            file.close()
        self._opened = {}
