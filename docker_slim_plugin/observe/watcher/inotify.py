"""The inotify(7) event source: paths opened in a container's file system, without the process."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from docker_slim_plugin.kernel import inotify
from docker_slim_plugin.kernel.inotify import (
    IN_CLOEXEC,
    IN_NONBLOCK,
    IN_ONLYDIR,
    IN_OPEN,
    IN_Q_OVERFLOW,
    inotify_add_watch,
    inotify_init1,
)
from docker_slim_plugin.kernel.syscalls import read_available
from docker_slim_plugin.model.observation import Access, AccessKind, Origin, Process

_BUFFER = 1 << 16
_PATH_MAX = 4096


class InotifySource:
    """A watch on every directory of the container's root."""

    name = "inotify"

    def __init__(self, pid: int) -> None:
        self._instance = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)
        self._directories: dict[int, str] = {}
        self.unwatched = 0
        root = os.open(f"/proc/{pid}/root", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for path, descriptor in directories(root):
                self._add(path, descriptor)
        finally:
            os.close(root)
        # The app still waits in the gate: all events so far are our own opens of directories.
        while read_available(self._instance, _BUFFER):
            pass

    def _add(self, path: str, descriptor: int) -> None:
        try:
            # By descriptor: the path may by now be a symlink out of the container.
            watch = inotify_add_watch(self._instance, f"/proc/self/fd/{descriptor}", IN_OPEN | IN_ONLYDIR)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            self.unwatched += 1
        else:
            self._directories[watch] = path

    def fileno(self) -> int:
        return self._instance

    def close(self) -> None:
        os.close(self._instance)

    def accuracy_warnings(self) -> tuple[str, ...]:
        return ()

    def read(self) -> tuple[list[Access], int]:
        found, lost = [], 0
        for watch, mask, name in inotify.events(read_available(self._instance, _BUFFER)):
            if mask & IN_Q_OVERFLOW:
                lost += 1
            directory = self._directories.get(watch)
            if directory is not None and name:
                path = f"{directory}/{os.fsdecode(name)}"
                found.append(Access(path, AccessKind.OPEN, Origin.INOTIFY, Process(0, "")))
        return found, lost


def directories(root: int) -> Iterator[tuple[str, int]]:
    """Yield (path, descriptor) of every directory below `root` on the same file system; symlinks are not followed."""
    device = os.fstat(root).st_dev
    yield "", root
    directory = os.dup(root)
    try:
        # Not os.fwalk(), which recurses: the image determines the depth of the tree. No process runs in it yet.
        pending = [("", _subdirectories(directory, device))]
        while pending:
            path, names = pending[-1]
            if not names:
                pending.pop()
                directory = _open_directory(directory, "..") if pending else directory
                continue
            name = names.pop()
            directory = _open_directory(directory, name)
            yield f"{path}/{name}", directory
            # No process can name a file below a path of this length.
            deeper = len(path) + len(name) < _PATH_MAX
            pending.append((f"{path}/{name}", _subdirectories(directory, device) if deeper else []))
    finally:
        os.close(directory)


def _subdirectories(directory: int, device: int) -> list[str]:
    """Return the names of the subdirectories that are on the same file system."""
    with os.scandir(directory) as found:
        return [
            entry.name
            for entry in found
            if entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_dev == device
        ]


def _open_directory(directory: int, name: str) -> int:
    """Close `directory` and return a descriptor of its subdirectory `name`."""
    subdirectory = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    os.close(directory)
    return subdirectory
