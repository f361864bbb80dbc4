"""The fanotify(7) event source: opens and execs in a container's file system, by any process."""

from __future__ import annotations

import contextlib
import os

from docker_slim_plugin.kernel.fanotify import (
    FAN_CLASS_NOTIF,
    FAN_CLOEXEC,
    FAN_MARK_FILESYSTEM,
    FAN_MARK_MOUNT,
    FAN_NONBLOCK,
    FAN_ONDIR,
    FAN_OPEN,
    FAN_OPEN_EXEC,
    FAN_Q_OVERFLOW,
    FAN_UNLIMITED_QUEUE,
    events,
    marked_group,
)
from docker_slim_plugin.kernel.root_mount import has_own_filesystem
from docker_slim_plugin.kernel.syscalls import argv0, read_available
from docker_slim_plugin.model.observation import Access, AccessKind, Origin, Process
from docker_slim_plugin.observe.mount_names import MountNamespaces

_BUFFER = 1 << 16
_DELETED = " (deleted)"


class FanotifySource:
    """A fanotify group with one mark on the file system of the container's root.

    That file system is the container's overlay, which no other container uses. Where the root is only a directory of a
    file system, the mark is on the mount, because the rest of the file system is the host's. In that case mounts that
    the app makes of its own root (unshare(1)) are not seen. With `directories`, opens of directories count; they are
    needed without a tracer.
    """

    name = "fanotify"

    def __init__(self, pid: int, *, directories: bool = False) -> None:
        self._group = marked_group(
            FAN_CLASS_NOTIF | FAN_UNLIMITED_QUEUE | FAN_CLOEXEC | FAN_NONBLOCK,
            os.O_RDONLY | os.O_CLOEXEC | os.O_NOATIME | os.O_LARGEFILE,
            FAN_MARK_FILESYSTEM if has_own_filesystem(pid) else FAN_MARK_MOUNT,
            FAN_OPEN | FAN_OPEN_EXEC | (FAN_ONDIR if directories else 0),
            # A magic link: no name of the image is looked up.
            f"/proc/{pid}/root",
        )
        self._mounts: MountNamespaces | None = None
        with contextlib.suppress(OSError):
            self._mounts = MountNamespaces(pid)

    def fileno(self) -> int:
        return self._group

    def close(self) -> None:
        os.close(self._group)
        if self._mounts:
            self._mounts.close()

    def accuracy_warnings(self) -> tuple[str, ...]:
        unresolved = self._mounts.unresolved if self._mounts else 0
        text = f"{unresolved} files were opened in mount namespaces that no longer exist: their paths may be wrong"
        return (text,) if unresolved else ()

    def read(self) -> tuple[list[Access], int]:
        found, lost = [], 0
        for mask, descriptor, pid in events(read_available(self._group, _BUFFER)):
            if mask & FAN_Q_OVERFLOW:
                lost += 1
            if descriptor < 0:
                continue
            try:
                if pid != os.getpid():
                    path = open_file_path(descriptor)
                    if self._mounts:
                        path = self._mounts.opened_file_path(pid, descriptor, path)
                    kind = AccessKind.EXEC if mask & FAN_OPEN_EXEC else AccessKind.OPEN
                    found.append(Access(path, kind, Origin.FANOTIFY, Process(pid, argv0(pid))))
            except OSError:
                lost += 1
            finally:
                os.close(descriptor)
        return found, lost


def open_file_path(descriptor: int) -> str:
    """Return the path of an open file; for a removed file, the path that it had."""
    path = os.readlink(f"/proc/self/fd/{descriptor}")
    if path.endswith(_DELETED) and os.fstat(descriptor).st_nlink == 0:
        return path.removesuffix(_DELETED)
    return path
