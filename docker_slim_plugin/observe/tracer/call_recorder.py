"""The recorder of system calls: what a profile of restrictions is made of. It needs a stop at every call.

It sends ["call", process, name, abi, refused, arguments] once for each distinct call (model/calls.py).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import NamedTuple

from docker_slim_plugin.model.observation import AccessKind
from docker_slim_plugin.observe.tracer.call_arguments import MAX_WORD, ON_ENTER, ON_SUCCESS, OPEN_FLAGS, WRITING, Words
from docker_slim_plugin.observe.tracer.call_names import CallNames
from docker_slim_plugin.observe.tracer.channel import Channel
from docker_slim_plugin.observe.tracer.memory import read_string
from docker_slim_plugin.observe.tracer.paths import absolute_path
from docker_slim_plugin.observe.tracer.ptrace_stops import (
    ARCH,
    ARGUMENTS,
    NR,
    OP,
    PTRACE_SYSCALL_INFO_EXIT,
    syscall_info,
)
from docker_slim_plugin.observe.tracer.syscall_table import SYSCALLS

MAX_SEEN = 50_000
"""Number of distinct calls that are sent. Further ones are counted as lost."""
REFUSALS = {-errno.EPERM: "EPERM", -errno.EACCES: "EACCES", -errno.EROFS: "EROFS", -errno.ENOSYS: "ENOSYS"}
_PATHS = {call.name: call for call in SYSCALLS if call.paths and call.kind is not AccessKind.CONNECT}
_RUNNING = {-errno.EINPROGRESS, -errno.EINTR}


class Entered(NamedTuple):
    """A call that a thread has entered."""

    name: str
    abi: str
    arguments: tuple[int, ...]
    words: Words


class CallRecorder:
    """Records the calls of traced processes. `process` returns argv[0] and the number in the messages for a pid."""

    def __init__(self, channel: Channel, machine: str, process: Callable[[int], tuple[str, int]]) -> None:
        self._channel = channel
        self._names = CallNames(machine)
        self._process = process
        self._entered: dict[int, Entered] = {}
        self._seen: set[tuple[str, ...]] = set()
        self.lost = 0

    def record_stop(self, pid: int) -> None:
        """Record the system call stop of `pid`: before the call or after it."""
        fields = syscall_info(pid)
        if fields[OP] == PTRACE_SYSCALL_INFO_EXIT:
            entered = self._entered.pop(pid, None)
            if entered:
                result = fields[NR]
                self._record_exit(pid, entered, result - (1 << 64) if result >> 63 else result)
            return
        name, abi = self._names.find(fields[ARCH], fields[NR])
        if not name:
            # A number that the kernel has no call for fails with ENOSYS, also under any profile.
            return
        given = fields[ARGUMENTS : ARGUMENTS + 6]
        words: Words = ()
        # The arguments of another ABI are laid out differently in memory.
        if not abi and name in ON_ENTER:
            try:
                words = ON_ENTER[name](pid, given)
            except OSError:
                words = ()
        self._entered[pid] = Entered(name, abi, given, words)
        self._send(pid, name, abi, "", words)

    def forget(self, pid: int) -> None:
        """Forget a thread that has ended."""
        self._entered.pop(pid, None)

    def _record_exit(self, pid: int, entered: Entered, result: int) -> None:
        refused = REFUSALS.get(result, "")
        words: Words = ()
        try:
            if refused:
                words = entered.words or self._paths(pid, entered)
            elif not entered.abi and (result >= 0 or result in _RUNNING):
                words = self._written(pid, entered)
        except OSError:
            # The tracee was killed, or has changed its memory meanwhile: its arguments are not known.
            words = ()
        if refused or words:
            self._send(pid, entered.name, entered.abi, refused, words)

    def _written(self, pid: int, entered: Entered) -> Words:
        """Return the arguments of a call that succeeded: what it has bound or written to."""
        if entered.name in ON_SUCCESS:
            return ON_SUCCESS[entered.name](pid, entered.arguments)
        if entered.name in OPEN_FLAGS:
            writes = OPEN_FLAGS[entered.name](pid, entered.arguments) & WRITING
            return self._paths(pid, entered) if writes else ()
        row = _PATHS.get(entered.name)
        return self._paths(pid, entered) if row and row.kind is AccessKind.CHANGE else ()

    @staticmethod
    def _paths(pid: int, entered: Entered) -> Words:
        """Return the absolute paths that a call names."""
        row = _PATHS.get(entered.name)
        found = []
        for where in row.paths if row else ():
            raw = read_string(pid, entered.arguments[where.position])
            directory = None if where.directory is None else entered.arguments[where.directory]
            path, _ = absolute_path(pid, raw, directory, chrooted=False)
            found.append(os.path.normpath(os.fsdecode(path))[:MAX_WORD])
        return tuple(found)

    def _send(self, pid: int, name: str, abi: str, refused: str, words: Words) -> None:
        argv0, number = self._process(pid)
        key = (argv0, name, abi, refused, *words)
        if key in self._seen:
            return
        if len(self._seen) >= MAX_SEEN:
            self.lost += 1
            return
        self._seen.add(key)
        self._channel.send("call", number, name, abi, refused, words)
