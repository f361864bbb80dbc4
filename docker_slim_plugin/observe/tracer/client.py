"""The tracer's other end: starts the tracer process, hands it processes to follow, and keeps what it says."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.observation import Access, AccessKind, Origin, Process
from docker_slim_plugin.observe.tracer.cgroup_members import members
from docker_slim_plugin.observe.tracer.syscall_table import SYSCALLS

MAX_ACCESSES = 200_000
"""Distinct accesses held before those that name nothing in the image are let go."""
MAX_WARNINGS = 20
"""Of different texts; what more there is counts as lost."""
_START_SECONDS = 20.0


class Follower:
    """A running tracer; a context manager. Leaving it ends the tracer, and with it every tracee that still runs."""

    def __init__(self, *, use_filter: bool = True, detach: bool = False) -> None:
        self._command = [sys.executable, "-I", "-m", "docker_slim_plugin.observe.tracer.program"]
        if not use_filter:
            self._command.append("--no-filter")
        if detach:
            self._command.append("--detach")
        self._accesses: dict[tuple[str, AccessKind, Origin, str, str], Access] = {}
        self._processes: dict[int, Process] = {0: Process(0, "")}
        self._answers: dict[int, tuple[int, str]] = {}
        self._changed = threading.Condition()
        self._exists: Callable[[str], bool] | None = None
        self.ended: dict[int, int] = {}
        """Wait status of each ended process that was attached to."""
        self.rights: set[str] = set()
        """Programs that no_new_privs kept from gaining rights."""
        self.tracers: set[str] = set()
        """argv[0] of processes that trace others."""
        self.warnings: list[str] = []
        """What could not be followed."""
        self.last_new = time.monotonic()
        self.events = self.dropped = 0
        self._unread = self._let_go = 0
        """What the tracer could not read; what is in the image, but was more than can be held."""
        self.ready = False
        self.gone = False

    def __enter__(self) -> Self:
        # A session of its own: Ctrl-C is for us to handle.
        self._tracer = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
        )
        self._reader = threading.Thread(target=self._read, name="tracer messages", daemon=True)
        self._reader.start()
        return self

    @property
    def lost(self) -> int:
        return self._unread + self._let_go

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._tracer.stdin is not None
        assert self._tracer.stdout is not None
        self._tracer.stdin.close()
        try:
            self._tracer.wait(5)
        except subprocess.TimeoutExpired:
            self._tracer.kill()
            self._tracer.wait()
        self._reader.join(5)
        self._tracer.stdout.close()

    def attach(self, pid: int) -> None:
        """Let the process that waits at the gate go on to its program, followed; SlimError when it cannot run."""
        number, text = self._ask("attach", pid)
        if number:
            usual = "check COMMAND and --entrypoint, or the image's own"
            hint = "docker slim doctor" if number == errno.EPERM else usual
            raise SlimError(f"cannot run the app: {text}", hint=hint)

    def seize(self, init: int) -> tuple[int, ...]:
        """Follow every process of the running container whose init is `init`; return their pids.

        They are left to themselves when the follower is left, or dies. SlimError when one may not be followed.
        """
        taken: dict[int, None] = {}
        while fresh := [pid for pid in members(init) if pid not in taken]:
            for pid in fresh:
                number, text = self._ask("seize", pid)
                taken[pid] = None
                if number not in (0, errno.ESRCH):
                    hint = "docker slim doctor" if number == errno.EPERM else ""
                    raise SlimError(f"cannot follow process {pid} of the container: {text}", hint=hint)
        return tuple(pid for pid in taken if self.follows(pid))

    def _ask(self, command: str, pid: int) -> tuple[int, str]:
        """Have the tracer carry out a command; return errno (0 when it is done) and the reason."""
        assert self._tracer.stdin is not None
        if not self.wait(lambda: self.ready, _START_SECONDS):
            raise SlimError("cannot start the tracer", hint="docker slim doctor")
        try:
            self._tracer.stdin.write(json.dumps([command, pid]).encode() + b"\n")
        except BrokenPipeError:
            self.gone = True
        if not self.wait(lambda: pid in self._answers, _START_SECONDS):
            raise SlimError("cannot attach to the container: the tracer does not answer", hint="docker slim doctor")
        return self._answers[pid]

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until `condition` holds; False when it did not in time, or the tracer has gone."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0 or self.gone:
                    return condition()
                self._changed.wait(left)
        return True

    def follows(self, pid: int) -> bool:
        """Tell whether `pid` was attached to."""
        return self._answers.get(pid, (1, ""))[0] == 0

    def forget_missing(self, exists: Callable[[str], bool]) -> None:
        """Say how to tell whether a path is in the image, so that paths which are not need not be held."""
        with self._changed:
            self._exists = exists
            self._changed.notify_all()

    def accesses(self) -> tuple[Access, ...]:
        """Return the distinct accesses seen so far."""
        with self._changed:
            return tuple(self._accesses.values())

    def count(self) -> int:
        """Return how many distinct accesses were seen so far."""
        return len(self._accesses)

    def _read(self) -> None:
        assert self._tracer.stdout is not None
        with os.fdopen(os.dup(self._tracer.stdout.fileno()), "rb", buffering=1 << 16) as stream:
            for line in stream:
                message = json.loads(line)
                with self._changed:
                    self._take(message)
        with self._changed:
            self.gone = True
            self._changed.notify_all()

    def _take(self, message: list[Any]) -> None:
        match message:
            case ["access", int(number), int(row), str(path), str(root)]:
                self._keep(Access(path, SYSCALLS[row].kind, Origin.PTRACE, self._who(number), root))
            case ["has", int(number), str(kind), str(path)]:
                self._keep(Access(path, AccessKind(kind), Origin.PROC, self._who(number)))
            case ["process", int(number), int(pid), str(argv0)]:
                self._processes[number] = Process(pid, argv0)
            case ["counts", int(events), int(lost), _]:
                self.events, self._unread = events, lost
            case ["door", str(reason)] if reason:
                self._warn(f"who comes in by docker exec is watched, but not followed: {reason}")
            case ["missed", str(argv0)]:
                self._warn(f"{argv0 or 'a process'} came in from outside and was watched, but not followed")
            case _:
                self._happened(message)
                self._changed.notify_all()

    def _happened(self, message: list[Any]) -> None:
        """Take what somebody may wait for."""
        match message:
            case ["ready"]:
                self.ready = True
            case ["released", int(pid)]:
                self._answers[pid] = (0, "")
            case ["refused", int(pid), int(number), str(text)]:
                self._answers[pid] = (number or errno.EIO, text)
            case ["ended", int(pid), int(status)]:
                self.ended[pid] = status
            case ["rights", int(), str(path)]:
                self.rights.add(path)
            case ["ptrace", int(number)]:
                self.tracers.add(self._who(number).argv0)

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            if len(self.warnings) < MAX_WARNINGS:
                self.warnings.append(text)
            else:
                self._let_go += 1

    def _who(self, number: int) -> Process:
        return self._processes.get(number, self._processes[0])

    def _keep(self, access: Access) -> None:
        key = (access.path, access.kind, access.origin, access.process.argv0, access.root)
        if key in self._accesses:
            return
        if len(self._accesses) >= MAX_ACCESSES:
            self._shrink()
        self._accesses[key] = access
        self.last_new = time.monotonic()

    def _shrink(self) -> None:
        """Let go of paths that are not in the image; waits for the index, and the tracer with it, if need be."""
        self._changed.wait_for(lambda: self._exists is not None, _START_SECONDS)
        exists = self._exists
        if exists is not None:
            before = len(self._accesses)
            self._accesses = {key: access for key, access in self._accesses.items() if exists(access.path)}
            self.dropped += before - len(self._accesses)
        if len(self._accesses) >= MAX_ACCESSES:
            self._let_go += len(self._accesses)
            self._accesses.clear()
        oldest = max(self._processes) - MAX_ACCESSES
        self._processes = {number: who for number, who in self._processes.items() if not 0 < number < oldest}
