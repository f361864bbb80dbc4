"""Attaching to processes that enter a container from outside (docker exec, health checks), at their first execve(2).

A fanotify group receives a permission event before a file of the container's root mount is executed
(FAN_OPEN_EXEC_PERM). An untraced process is seized while it waits for the response. No response is delayed for long,
and the kernel allows every exec when the group's descriptor is closed, so a dead tracer blocks nothing. See
fanotify(7).

The mark is on the mount in the container's own mount namespace, so no process of the host can be blocked by it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator

from docker_slim_plugin.engine.gate import GATE_NAME
from docker_slim_plugin.kernel.fanotify import (
    FAN_ALLOW,
    FAN_CLASS_CONTENT,
    FAN_CLOEXEC,
    FAN_MARK_ADD,
    FAN_MARK_MOUNT,
    FAN_MARK_REMOVE,
    FAN_NONBLOCK,
    FAN_OPEN_EXEC_PERM,
    FAN_OPEN_PERM,
    FAN_REPORT_TID,
    FAN_UNLIMITED_QUEUE,
    events,
    fanotify_mark,
    marked_group,
)

_RESPONSE = struct.Struct("=iI")
"""struct fanotify_response: fd, response"""
_BUFFER = 1 << 12
FALLBACK_SECONDS, POLL_SECONDS, MAX_DELAY_SECONDS = 0.02, 0.001, 1.0
"""Seconds until the fallback thread starts to respond; between two of its reads; and until it allows every delayed
event.
"""


class ExecAttach:
    """A fanotify group with permission events for each exec in the container's root mount."""

    def __init__(self, pid: int, is_traced: Callable[[int], bool], attach: Callable[[int], None]) -> None:
        """Mark the root mount of `pid`; OSError where that is refused.

        `is_traced` tells whether a thread is traced already; `attach` is called to trace one that is not.
        """
        if _mount_namespace("self") == _mount_namespace(str(pid)):
            # The mark would apply to the execs of the whole host.
            raise OSError(errno.EINVAL, "not in a mount namespace of its own")
        self._is_traced = is_traced
        self._attach = attach
        self.missed: list[int] = []
        """Threads that called execve(2) while another thread was being attached, and were not attached themselves."""
        # /proc/PID/root is a magic link: no name of the image is looked up. The descriptor stays valid when `pid` ends.
        self._root = f"/proc/self/fd/{os.open(f'/proc/{pid}/root', os.O_PATH | os.O_CLOEXEC)}"
        self._group = marked_group(
            FAN_CLASS_CONTENT | FAN_UNLIMITED_QUEUE | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_TID,
            os.O_RDONLY | os.O_CLOEXEC | os.O_LARGEFILE | os.O_NOATIME,
            FAN_MARK_MOUNT,
            FAN_OPEN_EXEC_PERM,
            self._root,
        )

    def fileno(self) -> int:
        return self._group

    def handle_events(self) -> bool:
        """Allow the pending execs, after untraced threads have been attached; return whether there were any events."""
        has_events = False
        for mask, descriptor, tid in self._read_events():
            has_events = True
            try:
                if self._is_untraced(mask, descriptor, tid):
                    with self._fallback_responder(descriptor, tid):
                        self._attach(tid)
            finally:
                self._allow(descriptor)
                os.close(descriptor)
        return has_events

    def _read_events(self) -> Iterator[tuple[int, int, int]]:
        try:
            data = os.read(self._group, _BUFFER)
        except OSError:
            # EAGAIN: no event. After any other error the kernel has denied the exec already, and no response is due.
            return
        for mask, descriptor, tid in events(data):
            if descriptor >= 0:
                yield mask, descriptor, tid

    def _is_untraced(self, mask: int, descriptor: int, tid: int) -> bool:
        return bool(mask & FAN_OPEN_EXEC_PERM) and not self._is_traced(tid) and not _is_gate(descriptor)

    def _allow(self, descriptor: int) -> None:
        # ENOENT: the event has been answered already, or its thread was killed.
        with contextlib.suppress(OSError):
            os.write(self._group, _RESPONSE.pack(descriptor, FAN_ALLOW))

    @contextlib.contextmanager
    def _fallback_responder(self, descriptor: int, tid: int) -> Iterator[None]:
        """Start a thread that responds to events if the body takes longer than FALLBACK_SECONDS.

        PTRACE_SEIZE takes cred_guard_mutex, which an execve(2) in progress holds. Before Linux 6.8, and for
        interpreters on every version, the kernel sends the permission event while the exec holds that lock. Without
        this thread both would wait for each other.
        """
        done = threading.Event()

        def respond() -> None:
            if not done.wait(FALLBACK_SECONDS):
                self._respond_meanwhile(descriptor, tid, done)

        thread = threading.Thread(target=respond, name="exec-attach", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _respond_meanwhile(self, descriptor: int, tid: int, done: threading.Event) -> None:
        """Allow every event until `done`, but delay `tid` at the first file that its program opens."""
        delayed: list[int] = []
        # The file of the exec itself may give two events: one for its execution and one for its open.
        executed = _device_and_inode(descriptor)
        deadline = time.monotonic() + MAX_DELAY_SECONDS
        with self._open_permission_events():
            self._allow(descriptor)
            while not done.wait(POLL_SECONDS) and time.monotonic() < deadline:
                for mask, other, other_tid in self._read_events():
                    if other_tid == tid and mask & FAN_OPEN_EXEC_PERM:
                        executed = _device_and_inode(other)
                    elif other_tid == tid and _device_and_inode(other) != executed:
                        delayed.append(other)
                        continue
                    elif self._is_untraced(mask, other, other_tid):
                        self.missed.append(other_tid)
                    self._allow(other)
                    os.close(other)
        for other in delayed:
            self._allow(other)
            os.close(other)
        while not done.wait(POLL_SECONDS):
            for _, other, _ in self._read_events():
                self._allow(other)
                os.close(other)

    @contextlib.contextmanager
    def _open_permission_events(self) -> Iterator[None]:
        with contextlib.suppress(OSError):
            fanotify_mark(self._group, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN_PERM, self._root)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                fanotify_mark(self._group, FAN_MARK_REMOVE | FAN_MARK_MOUNT, FAN_OPEN_PERM, self._root)


def _mount_namespace(pid: str) -> int:
    return os.stat(f"/proc/{pid}/ns/mnt").st_ino


def _device_and_inode(descriptor: int) -> tuple[int, int]:
    file = os.fstat(descriptor)
    return file.st_dev, file.st_ino


def _is_gate(descriptor: int) -> bool:
    """Tell whether the executed file is the gate; processes in the gate are attached there."""
    return os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")) == GATE_NAME
