"""The door of a container: who comes in from outside (docker exec, a HEALTHCHECK's runs) is met at its first exec.

A fanotify group asks us before a file of the container's root mount is executed (FAN_OPEN_EXEC_PERM). A process that is
not followed yet is seized while it waits for the answer. No answer is ever kept back for long, whatever becomes of us:
the kernel lets everybody through when the group's descriptor closes. See fanotify(7).

The mark is on the mount in the container's own mount namespace, so nothing of the host can come to wait here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import threading
from collections.abc import Callable, Iterator

from docker_slim_plugin.gate import GATE_NAME
from docker_slim_plugin.linux_fanotify import (
    FAN_ALLOW,
    FAN_CLASS_CONTENT,
    FAN_CLOEXEC,
    FAN_MARK_ADD,
    FAN_MARK_MOUNT,
    FAN_NONBLOCK,
    FAN_OPEN_EXEC_PERM,
    FAN_REPORT_TID,
    FAN_UNLIMITED_QUEUE,
    events,
    fanotify_init,
    fanotify_mark,
)

_RESPONSE = struct.Struct("=iI")
"""struct fanotify_response: fd, response"""
_BUFFER = 1 << 12
PATIENCE_SECONDS, PUMP_SECONDS = 0.02, 0.001


class Door:
    """Asked before each exec in the container's root mount."""

    def __init__(self, pid: int, is_known: Callable[[int], bool], meet: Callable[[int], None]) -> None:
        """Watch the mount that is the root of `pid`; OSError where that is refused.

        `is_known` tells whether a thread is followed already; `meet` is to follow one that is not.
        """
        if _namespace("self") == _namespace(str(pid)):
            # Its execs would be everybody's.
            raise OSError(errno.EINVAL, "not in a mount namespace of its own")
        self._is_known = is_known
        self._meet = meet
        self.missed: list[int] = []
        """Threads that came in while another one was being met."""
        group_flags = FAN_CLASS_CONTENT | FAN_UNLIMITED_QUEUE | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_TID
        self._group = fanotify_init(group_flags, os.O_RDONLY | os.O_CLOEXEC | os.O_LARGEFILE | os.O_NOATIME)
        try:
            # /proc/PID/root is the kernel's own link: no name of the image is looked up.
            fanotify_mark(self._group, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN_EXEC_PERM, f"/proc/{pid}/root")
        except OSError:
            os.close(self._group)
            raise

    def fileno(self) -> int:
        return self._group

    def answer(self) -> bool:
        """Let through who waits, strangers not before they were met; tell whether anybody did wait."""
        waiting = False
        for descriptor, tid in self._waiting():
            waiting = True
            try:
                if not (self._is_known(tid) or _is_gate(descriptor)):
                    with self._standing_in(descriptor, tid):
                        self._meet(tid)
            finally:
                self._let_through(descriptor)
                os.close(descriptor)
        return waiting

    def _waiting(self) -> Iterator[tuple[int, int]]:
        try:
            data = os.read(self._group, _BUFFER)
        except BlockingIOError:
            return
        for _, descriptor, tid in events(data):
            if descriptor >= 0:
                yield descriptor, tid

    def _let_through(self, descriptor: int) -> None:
        # ENOENT: answered already, or killed meanwhile.
        with contextlib.suppress(FileNotFoundError):
            os.write(self._group, _RESPONSE.pack(descriptor, FAN_ALLOW))

    @contextlib.contextmanager
    def _standing_in(self, descriptor: int, tid: int) -> Iterator[None]:
        """Have somebody answer in our place if the body takes long.

        PTRACE_SEIZE waits for the lock of an exec that is on its way (cred_guard_mutex), and before Linux 6.8, and for
        interpreters on every Linux, the exec holds it while it waits for us.
        """
        done = threading.Event()

        def stand_in() -> None:
            if done.wait(PATIENCE_SECONDS):
                return
            self._let_through(descriptor)
            while not done.wait(PUMP_SECONDS):
                for another, who in self._waiting():
                    if who != tid and not (self._is_known(who) or _is_gate(another)):
                        self.missed.append(who)
                    self._let_through(another)
                    os.close(another)

        thread = threading.Thread(target=stand_in, name="door", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _namespace(pid: str) -> int:
    return os.stat(f"/proc/{pid}/ns/mnt").st_ino


def _is_gate(descriptor: int) -> bool:
    """Tell whether it is the gate that is executed: who comes through it is attached to there."""
    return os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")) == GATE_NAME
