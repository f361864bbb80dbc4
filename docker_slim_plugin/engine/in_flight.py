"""Requests that create an object: after an interrupt, the run still waits for the engine's response.

The engine completes a request that it has received. An object created after the cleanup would stay behind. Therefore
such a request runs in a thread of its own, which an interrupt does not reach.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

R = TypeVar("R")

INTERRUPT_SECONDS = 30.0
"""Seconds that an interrupt waits for a response."""


class Upload:
    """A file to upload; an aborted upload fails the request, and the engine creates nothing."""

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
    """Requests without a response, from which the engine may still create an object."""

    def run(self, request: Callable[[], R], upload: Upload | None = None) -> R:
        """Run `request` in a thread, and return its result.

        An exception in the calling thread aborts the upload, and waits up to INTERRUPT_SECONDS for the response.
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
