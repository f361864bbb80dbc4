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
    fanotify_init,
    fanotify_mark,
)

_RESPONSE = struct.Struct("=iI")
"""struct fanotify_response: fd, response"""
_BUFFER = 1 << 12
PATIENCE_SECONDS, PUMP_SECONDS, LONGEST_SECONDS = 0.02, 0.001, 1.0
"""Until somebody answers in our place; between its answers; until it answers whatever it holds back."""


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
            # /proc/PID/root is the kernel's own link: no name of the image is looked up. `pid` may end before others.
            self._root = f"/proc/self/fd/{os.open(f'/proc/{pid}/root', os.O_PATH | os.O_CLOEXEC)}"
            fanotify_mark(self._group, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN_EXEC_PERM, self._root)
        except OSError:
            os.close(self._group)
            raise

    def fileno(self) -> int:
        return self._group

    def answer(self) -> bool:
        """Let through who waits, strangers not before they were met; tell whether anybody did wait."""
        waiting = False
        for mask, descriptor, tid in self._waiting():
            waiting = True
            try:
                if self._is_stranger(mask, descriptor, tid):
                    with self._standing_in(descriptor, tid):
                        self._meet(tid)
            finally:
                self._let_through(descriptor)
                os.close(descriptor)
        return waiting

    def _waiting(self) -> Iterator[tuple[int, int, int]]:
        try:
            data = os.read(self._group, _BUFFER)
        except OSError:
            # EAGAIN: nobody. Else the kernel has refused them the exec, and there is nothing to answer.
            return
        for mask, descriptor, tid in events(data):
            if descriptor >= 0:
                yield mask, descriptor, tid

    def _is_stranger(self, mask: int, descriptor: int, tid: int) -> bool:
        return bool(mask & FAN_OPEN_EXEC_PERM) and not self._is_known(tid) and not _is_gate(descriptor)

    def _let_through(self, descriptor: int) -> None:
        # ENOENT: answered already, or killed meanwhile.
        with contextlib.suppress(OSError):
            os.write(self._group, _RESPONSE.pack(descriptor, FAN_ALLOW))

    @contextlib.contextmanager
    def _standing_in(self, descriptor: int, tid: int) -> Iterator[None]:
        """Have somebody answer in our place if the body takes long.

        PTRACE_SEIZE waits for the lock of an exec that is on its way (cred_guard_mutex), and before Linux 6.8, and for
        interpreters on every Linux, the exec holds it while it waits for us.
        """
        done = threading.Event()

        def stand_in() -> None:
            if not done.wait(PATIENCE_SECONDS):
                self._stand_in(descriptor, tid, done)

        thread = threading.Thread(target=stand_in, name="door", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _stand_in(self, descriptor: int, tid: int, done: threading.Event) -> None:
        """Let `tid` and everybody else through, but hold `tid` where its program opens its first file: until `done`."""
        held: list[int] = []
        # A file of the exec itself may be asked for twice: as one to be executed, and as one to be opened.
        executed = _identity(descriptor)
        deadline = time.monotonic() + LONGEST_SECONDS
        with self._asked_for_opens():
            self._let_through(descriptor)
            while not done.wait(PUMP_SECONDS) and time.monotonic() < deadline:
                for mask, another, who in self._waiting():
                    if who == tid and mask & FAN_OPEN_EXEC_PERM:
                        executed = _identity(another)
                    elif who == tid and _identity(another) != executed:
                        held.append(another)
                        continue
                    elif self._is_stranger(mask, another, who):
                        self.missed.append(who)
                    self._let_through(another)
                    os.close(another)
        for another in held:
            self._let_through(another)
            os.close(another)
        while not done.wait(PUMP_SECONDS):
            for _, another, _ in self._waiting():
                self._let_through(another)
                os.close(another)

    @contextlib.contextmanager
    def _asked_for_opens(self) -> Iterator[None]:
        with contextlib.suppress(OSError):
            fanotify_mark(self._group, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN_PERM, self._root)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                fanotify_mark(self._group, FAN_MARK_REMOVE | FAN_MARK_MOUNT, FAN_OPEN_PERM, self._root)


def _namespace(pid: str) -> int:
    return os.stat(f"/proc/{pid}/ns/mnt").st_ino


def _identity(descriptor: int) -> tuple[int, int]:
    file = os.fstat(descriptor)
    return file.st_dev, file.st_ino


def _is_gate(descriptor: int) -> bool:
    """Tell whether it is the gate that is executed: who comes through it is attached to there."""
    return os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")) == GATE_NAME
