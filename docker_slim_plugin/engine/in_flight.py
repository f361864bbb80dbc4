"""Requests to make something: an interrupt waits for the engine's answer, as the engine goes on with what it has got.

What it makes after we have looked would be left behind. So such a request is made by a thread of its own, which an
interrupt does not reach.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

R = TypeVar("R")

INTERRUPT_SECONDS = 30.0
"""How long an interrupt waits for an answer."""


class Upload:
    """A file that is sent; one that is cut off ends its request with an error, and the engine makes nothing of it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, 2)
        file.seek(0)
        self._is_aborted = False

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._file)

    def read(self, size: int = -1) -> bytes:
        if self._is_aborted:
            raise ConnectionAbortedError("interrupted")
        return self._file.read(size)

    def abort(self) -> None:
        self._is_aborted = True


@dataclass(frozen=True, slots=True)
class InFlight:
    """The requests of one run."""

    pending: list[Future[Any]] = field(default_factory=list)
    """What the engine may still make something of."""

    def run(self, request: Callable[[], R], upload: Upload | None = None) -> R:
        """Return what `request` returns.

        An exception in this thread cuts the upload off, waits PATIENCE_SECONDS for the answer, and goes on.
        """
        future: Future[R] = Future()

        def work() -> None:
            try:
                future.set_result(request())
            except BaseException as error:  # noqa: BLE001
                future.set_exception(error)

        self.pending.append(future)
        try:
            threading.Thread(target=work, name="request", daemon=True).start()
            return future.result()
        finally:
            if not future.done():
                if upload:
                    upload.abort()
                wait([future], INTERRUPT_SECONDS)
            if future.done():
                self.pending.remove(future)
