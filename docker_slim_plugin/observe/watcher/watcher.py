"""The watcher: records opens and execs in the container's file system, by any process.

fanotify sees what ptrace cannot: io_uring, the kernel's own opens of ELF and #! interpreters, and processes of docker
exec. Where fanotify is refused, inotify watches every directory of the same tree; it reports paths, but no processes.
"""

from __future__ import annotations

import os
import select
import threading
import time
from types import TracebackType
from typing import Protocol, Self

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.observation import Access, AccessKind
from docker_slim_plugin.observe.watcher.fanotify import FanotifySource
from docker_slim_plugin.observe.watcher.inotify import InotifySource

MAX_PATHS = 1_000_000
"""Maximum number of distinct paths; further ones count as lost."""
_CHOICES = ("auto", "fanotify", "inotify", "off")


class Source(Protocol):
    """A source of events."""

    name: str

    def fileno(self) -> int: ...

    def read(self) -> tuple[list[Access], int]:
        """Return the pending accesses, and the number of lost events; empty when nothing is pending."""
        ...

    def accuracy_warnings(self) -> tuple[str, ...]:
        """Return warnings about accesses that may be inaccurate."""
        ...

    def close(self) -> None: ...


class Watcher:
    """Collects the accesses of a source in a thread; a context manager."""

    def __init__(self, source: Source | None, warnings: tuple[str, ...] = ()) -> None:
        self._source = source
        self._seen: dict[tuple[str, AccessKind], Access] = {}
        self._lock = threading.Lock()
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self.name = source.name if source else "off"
        self.warnings = warnings
        self.last_new = time.monotonic()
        self.events = self.lost = 0

    def __enter__(self) -> Self:
        if self._source:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.write(self._stop_write, b".")
        if self._source:
            self._thread.join()
            self._source.close()
        os.close(self._stop_read)
        os.close(self._stop_write)

    def accuracy_warnings(self) -> tuple[str, ...]:
        """Return warnings about accesses that a tracer would have recorded accurately."""
        return self._source.accuracy_warnings() if self._source else ()

    def accesses(self) -> tuple[Access, ...]:
        """Return the distinct accesses seen so far."""
        with self._lock:
            return tuple(self._seen.values())

    def drain(self) -> None:
        """Read all events of accesses before this call, which may still be queued."""
        if self._source:
            while self._read_events():
                pass

    def _run(self) -> None:
        assert self._source is not None
        poll = select.poll()
        poll.register(self._source.fileno(), select.POLLIN)
        poll.register(self._stop_read, select.POLLIN)
        while not any(descriptor == self._stop_read for descriptor, _ in poll.poll()):
            self._read_events()

    def _read_events(self) -> bool:
        assert self._source is not None
        with self._lock:
            accesses, lost = self._source.read()
            self.lost += lost
            self.events += len(accesses)
            for access in accesses:
                key = (access.path, access.kind)
                if key in self._seen:
                    continue
                if len(self._seen) >= MAX_PATHS:
                    self.lost += 1
                    continue
                self._seen[key] = access
                self.last_new = time.monotonic()
            return bool(accesses or lost)


def open_watcher(pid: int, choice: str, *, alone: bool = False) -> Watcher:
    """Return a watcher of the root of the container whose process `pid` waits in the gate.

    `choice` is auto, fanotify, inotify or off; auto uses the best that this host allows, and warns if it is not
    fanotify. With `alone` there is no tracer.
    """
    assert choice in _CHOICES
    if choice == "off":
        return Watcher(None)
    if choice != "inotify":
        try:
            return Watcher(FanotifySource(pid, directories=alone))
        except OSError as error:
            if choice == "fanotify":
                text = f"cannot use fanotify: {error.strerror}"
                raise SlimError(text, hint="--watch=inotify, or --watch=off") from error
            reason = error.strerror
    warnings = [] if choice == "inotify" else [f"fanotify is refused ({reason}): using inotify instead"]
    source = InotifySource(pid)
    if source.unwatched:
        warnings.append(f"{source.unwatched} directories are not watched: raise the sysctl fs.inotify.max_user_watches")
    return Watcher(source, tuple(warnings))
