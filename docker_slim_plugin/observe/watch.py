"""The watcher: what is opened and executed in the container's file system, whoever does it.

fanotify sees what ptrace cannot: io_uring, the kernel's own opens of ELF and #! interpreters, processes that came in by
docker exec. Where it is refused, inotify watches every directory of the same tree, and knows names but not processes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from docker_slim_plugin import linux_inotify
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.linux_fanotify import (
    FAN_CLASS_NOTIF,
    FAN_CLOEXEC,
    FAN_MARK_ADD,
    FAN_MARK_FILESYSTEM,
    FAN_MARK_MOUNT,
    FAN_NONBLOCK,
    FAN_OPEN,
    FAN_OPEN_EXEC,
    FAN_Q_OVERFLOW,
    FAN_UNLIMITED_QUEUE,
    events,
    fanotify_init,
    fanotify_mark,
)
from docker_slim_plugin.linux_inotify import (
    IN_CLOEXEC,
    IN_NONBLOCK,
    IN_ONLYDIR,
    IN_OPEN,
    IN_Q_OVERFLOW,
    inotify_add_watch,
    inotify_init1,
)
from docker_slim_plugin.model import Access, AccessKind, Origin, Process
from docker_slim_plugin.observe.mounts import Mounts
from docker_slim_plugin.rootmount import has_its_own

MAX_PATHS = 1_000_000
"""Distinct paths held; more are counted as lost."""
_BUFFER = 1 << 16
_CHOICES = ("auto", "fanotify", "inotify", "off")
_DELETED = " (deleted)"


class Source(Protocol):
    """Where events come from."""

    name: str

    def fileno(self) -> int: ...

    def read(self) -> tuple[list[Access], int]:
        """Return what has happened, and how many events were lost; empty when there is nothing at the moment."""
        ...

    def doubts(self) -> str:
        """Return what it cannot vouch for, in words; "" when there is nothing."""
        ...

    def close(self) -> None: ...


class Watch:
    """Collects what a source sees in a thread of its own; a context manager."""

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

    def doubts(self) -> tuple[str, ...]:
        """Return warnings about what only a tracer would have seen better."""
        return tuple(filter(None, [self._source.doubts() if self._source else ""]))

    def accesses(self) -> tuple[Access, ...]:
        """Return the distinct accesses seen so far."""
        with self._lock:
            return tuple(self._seen.values())

    def drain(self) -> None:
        """Take everything that has happened before this call: events lag behind what they tell of."""
        if self._source:
            while self._take():
                pass

    def _run(self) -> None:
        assert self._source is not None
        poll = select.poll()
        poll.register(self._source.fileno(), select.POLLIN)
        poll.register(self._stop_read, select.POLLIN)
        while not any(descriptor == self._stop_read for descriptor, _ in poll.poll()):
            self._take()

    def _take(self) -> bool:
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


class Fanotify:
    """One mark on the whole file system that is the container's root: its overlay, and no other container's.

    Where the root is only a directory of a file system, the mark is on the mount: what else is in that file system is
    the host's. Then nothing is seen of mounts that the app makes of its own root (unshare(1)).
    """

    name = "fanotify"

    def __init__(self, pid: int) -> None:
        group_flags = FAN_CLASS_NOTIF | FAN_UNLIMITED_QUEUE | FAN_CLOEXEC | FAN_NONBLOCK
        self._group = fanotify_init(group_flags, os.O_RDONLY | os.O_CLOEXEC | os.O_NOATIME | os.O_LARGEFILE)
        self._mounts: Mounts | None = None
        with contextlib.suppress(OSError):
            self._mounts = Mounts(pid)
        try:
            # /proc/PID/root is the kernel's own link: no name of the image is looked up.
            mask = FAN_OPEN | FAN_OPEN_EXEC
            scope = FAN_MARK_FILESYSTEM if has_its_own(pid) else FAN_MARK_MOUNT
            fanotify_mark(self._group, FAN_MARK_ADD | scope, mask, f"/proc/{pid}/root")
        except OSError:
            os.close(self._group)
            raise

    def fileno(self) -> int:
        return self._group

    def close(self) -> None:
        os.close(self._group)
        if self._mounts:
            self._mounts.close()

    def doubts(self) -> str:
        nameless = self._mounts.nameless if self._mounts else 0
        return f"{nameless} files were opened in mount namespaces that are gone: they may be others" if nameless else ""

    def read(self) -> tuple[list[Access], int]:
        try:
            data = os.read(self._group, _BUFFER)
        except BlockingIOError:
            return [], 0
        found, lost = [], 0
        for mask, descriptor, pid in events(data):
            if mask & FAN_Q_OVERFLOW:
                lost += 1
            if descriptor < 0:
                continue
            try:
                if pid != os.getpid():
                    path = _path_of(descriptor)
                    if self._mounts:
                        path = self._mounts.opened(pid, descriptor, path)
                    kind = AccessKind.EXEC if mask & FAN_OPEN_EXEC else AccessKind.OPEN
                    found.append(Access(path, kind, Origin.FANOTIFY, Process(pid, self._name_of(pid))))
            except OSError:
                lost += 1
            finally:
                os.close(descriptor)
        return found, lost

    def _name_of(self, pid: int) -> str:
        """Return argv[0] of `pid`; "" when it has gone. Asked anew each time: pids and programs change."""
        try:
            with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
                return os.fsdecode(file.read(256).split(b"\0", 1)[0])
        except OSError:
            return ""


def _path_of(descriptor: int) -> str:
    path = os.readlink(f"/proc/self/fd/{descriptor}")
    if path.endswith(_DELETED) and os.fstat(descriptor).st_nlink == 0:
        return path.removesuffix(_DELETED)
    return path


class Inotify:
    """A watch on every directory of the container's root."""

    name = "inotify"

    def __init__(self, pid: int) -> None:
        self._instance = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)
        self._directories: dict[int, str] = {}
        self.refused = 0
        root = os.open(f"/proc/{pid}/root", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for path, descriptor in _directories(root):
                self._add(path, descriptor)
        finally:
            os.close(root)
        # The app still waits at its gate: what has been opened so far are the directories, by us.
        with contextlib.suppress(BlockingIOError):
            while os.read(self._instance, _BUFFER):
                pass

    def _add(self, path: str, descriptor: int) -> None:
        try:
            # By descriptor: a name could be a link that leads out of the container by now.
            watch = inotify_add_watch(self._instance, f"/proc/self/fd/{descriptor}", IN_OPEN | IN_ONLYDIR)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            self.refused += 1
        else:
            self._directories[watch] = path

    def fileno(self) -> int:
        return self._instance

    def close(self) -> None:
        os.close(self._instance)

    def doubts(self) -> str:
        return ""

    def read(self) -> tuple[list[Access], int]:
        try:
            data = os.read(self._instance, _BUFFER)
        except BlockingIOError:
            return [], 0
        found, lost = [], 0
        for watch, mask, name in linux_inotify.events(data):
            if mask & IN_Q_OVERFLOW:
                lost += 1
            directory = self._directories.get(watch)
            if directory is not None and name:
                path = f"{directory}/{os.fsdecode(name)}"
                found.append(Access(path, AccessKind.OPEN, Origin.INOTIFY, Process(0, "")))
        return found, lost


def _directories(root: int) -> Iterator[tuple[str, int]]:
    """Yield (path, descriptor) of every directory below `root` on the same file system; no link is followed."""
    device = os.fstat(root).st_dev
    yield "", root
    here = os.dup(root)
    try:
        # Not os.fwalk(): it recurses, and how deep the tree is, is the image's choice. Nothing runs in it yet.
        pending = [("", _below(here, device))]
        while pending:
            path, names = pending[-1]
            if not names:
                pending.pop()
                here = _moved(here, "..") if pending else here
                continue
            name = names.pop()
            here = _moved(here, name)
            yield f"{path}/{name}", here
            pending.append((f"{path}/{name}", _below(here, device)))
    finally:
        os.close(here)


def _below(here: int, device: int) -> list[str]:
    """Return the names of the directories in `here` that lie on the same file system."""
    with os.scandir(here) as found:
        return [
            entry.name
            for entry in found
            if entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_dev == device
        ]


def _moved(here: int, name: str) -> int:
    """Close `here` and return the directory `name` in it."""
    there = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    os.close(here)
    return there


def open_watch(pid: int, choice: str) -> Watch:
    """Return a watch on the root of the held container whose process is `pid`.

    `choice` is auto, fanotify, inotify or off; auto takes the best that this host allows, and warns of less.
    """
    assert choice in _CHOICES
    if choice == "off":
        return Watch(None)
    if choice != "inotify":
        try:
            return Watch(Fanotify(pid))
        except OSError as error:
            if choice == "fanotify":
                text = f"cannot use fanotify: {error.strerror}"
                raise SlimError(text, hint="--watch=inotify, or --watch=off") from error
            reason = error.strerror
    warnings = [] if choice == "inotify" else [f"fanotify is refused ({reason}): inotify watches instead"]
    source = Inotify(pid)
    if source.refused:
        warnings.append(
            f"{source.refused} directories are not watched: raise the sysctl fs.inotify.max_user_watches"
        )
    return Watch(source, tuple(warnings))
