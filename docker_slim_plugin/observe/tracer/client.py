"""The client of the tracer: starts the tracer process, gives it processes to trace, and collects its messages."""

from __future__ import annotations

import errno
import itertools
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import child_process
from docker_slim_plugin.model.calls import Call
from docker_slim_plugin.model.observation import Access, AccessKind, Origin, Process, RunProcess, Use
from docker_slim_plugin.observe.tracer.cgroup_members import members
from docker_slim_plugin.observe.tracer.syscall_table import SYSCALLS

MAX_ACCESSES = 200_000
"""Number of distinct accesses to keep before those that name nothing in the image are dropped."""
MAX_USES = 20_000
"""Number of distinct uses to keep; each further one counts as a lost event."""
MAX_WARNINGS = 20
"""Maximum number of distinct warnings; each further one counts as a lost event."""
MAX_PROCESSES = 50_000
"""Number of processes of which the arguments and the parent are kept."""
_NUMBERS = itertools.count(1)
"""Numbers of processes, distinct over all runs."""
_START_SECONDS = 20.0


class TracerClient:
    """A running tracer process; a context manager. On exit it ends the tracer, and with it every tracee from a gate."""

    def __init__(
        self, *, use_filter: bool = True, detach: bool = False, record_calls: bool = False, uses: bool = False
    ) -> None:
        self._arguments: list[str] = []
        if not use_filter:
            self._arguments.append("--no-filter")
        if detach:
            self._arguments.append("--detach")
        if uses:
            self._arguments.append("--uses")
        if record_calls:
            self._arguments.append("--record-calls")
        self._accesses: dict[tuple[str, AccessKind, Origin, str, str], Access] = {}
        self._calls: dict[Call, None] = {}
        self._processes: dict[int, Process] = {0: Process(0, "")}
        self._run_processes: list[RunProcess] = []
        self.origin = time.monotonic()
        """The start of the run, from which times are counted."""
        self._replies: dict[int, tuple[int, str]] = {}
        self._changed = threading.Condition()
        self._exists: Callable[[str], bool] | None = None
        self.wait_statuses: dict[int, int] = {}
        """Wait status (waitpid(2)) by pid, for each attached process that has ended."""
        self.privilege_gains: set[str] = set()
        """Programs that would have gained privileges if no_new_privs were not set."""
        self.uses: set[Use] = set()
        """What the app used beside files, and which files it changed; only with `uses`."""
        self.tracers: set[str] = set()
        """argv[0] of processes that trace other processes."""
        self.warnings: list[str] = []
        """What could not be traced, as texts for the user."""
        self.last_new = time.monotonic()
        self.events = self.dropped = 0
        self._unread = self._overflowed = 0
        """Number of paths that the tracer could not read, and of accesses that were dropped because there were too
        many.
        """
        self.ready = False
        self.has_exited = False

    def __enter__(self) -> Self:
        self._process = child_process.start(
            "observe.tracer.program", self._arguments, pipes=subprocess.PIPE, stderr=None
        )
        self._reader = threading.Thread(target=self._read, name="tracer messages", daemon=True)
        self._reader.start()
        return self

    @property
    def lost(self) -> int:
        return self._unread + self._overflowed

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        self._process.stdout.close()

    def attach(self, pid: int) -> None:
        """Trace the process that waits in the gate, and make it execute its program; SlimError when that fails."""
        number, text = self._request("attach", pid)
        if number:
            usual = "check COMMAND and --entrypoint, or those of the image"
            hint = "docker slim doctor" if number == errno.EPERM else usual
            raise SlimError(f"cannot run the app: {text}", hint=hint)

    def seize(self, init: int) -> tuple[int, ...]:
        """Trace every process of the running container whose init is `init`; return their pids.

        The processes continue untraced when this context ends or the tracer dies. SlimError when one may not be traced.
        """
        seized: dict[int, None] = {}
        while new_pids := [pid for pid in members(init) if pid not in seized]:
            for pid in new_pids:
                number, text = self._request("seize", pid)
                seized[pid] = None
                if number not in (0, errno.ESRCH):
                    hint = "docker slim doctor" if number == errno.EPERM else ""
                    raise SlimError(f"cannot trace process {pid} of the container: {text}", hint=hint)
        return tuple(pid for pid in seized if self.is_attached(pid))

    def _request(self, command: str, pid: int) -> tuple[int, str]:
        """Send a command to the tracer; return the errno of its reply (0 for success) and the reason."""
        assert self._process.stdin is not None
        if not self.wait(lambda: self.ready, _START_SECONDS):
            raise SlimError("cannot start the tracer", hint="docker slim doctor")
        try:
            self._process.stdin.write(json.dumps([command, pid]).encode() + b"\n")
        except BrokenPipeError:
            self.has_exited = True
        if not self.wait(lambda: pid in self._replies, _START_SECONDS):
            raise SlimError("cannot attach to the container: the tracer does not answer", hint="docker slim doctor")
        return self._replies[pid]

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until `condition` holds, at most `seconds`; return False on timeout or when the tracer has exited."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0 or self.has_exited:
                    return condition()
                self._changed.wait(left)
        return True

    def is_attached(self, pid: int) -> bool:
        """Tell whether the tracer attached to `pid`."""
        return self._replies.get(pid, (1, ""))[0] == 0

    def set_path_filter(self, exists: Callable[[str], bool]) -> None:
        """Set the predicate that tells whether a path is in the image; accesses to other paths may then be dropped."""
        with self._changed:
            self._exists = exists
            self._changed.notify_all()

    def accesses(self) -> tuple[Access, ...]:
        """Return the distinct accesses seen so far."""
        with self._changed:
            return tuple(self._accesses.values())

    def calls(self) -> tuple[Call, ...]:
        """Return the distinct system calls seen so far; none unless they are recorded."""
        with self._changed:
            return tuple(self._calls)

    def processes(self) -> tuple[RunProcess, ...]:
        """Return the processes that the accesses are by, and their ancestors."""
        with self._changed:
            return tuple(self._run_processes)

    def access_count(self) -> int:
        """Return the number of distinct accesses seen so far."""
        return len(self._accesses)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with os.fdopen(os.dup(self._process.stdout.fileno()), "rb", buffering=1 << 16) as stream:
            for line in stream:
                message = json.loads(line)
                with self._changed:
                    self._handle(message)
        with self._changed:
            self.has_exited = True
            self._changed.notify_all()

    def _handle(self, message: list[Any]) -> None:
        match message:
            case ["access", int(number), int(row), str(path), str(root), float(time_)]:
                seconds = round(time_ - self.origin, 3)
                self._add(Access(path, SYSCALLS[row].kind, Origin.PTRACE, self._process_of(number), root, seconds))
            case ["call", int(number), str(name), str(abi), str(refused), list(words)]:
                self._calls[Call(name, abi, refused, tuple(map(str, words)), self._process_of(number).argv0)] = None
            case ["existing", int(number), str(kind), str(path)]:
                self._add(Access(path, AccessKind(kind), Origin.PROC, self._process_of(number)))
            case ["process", int(number), int(pid), int(parent), float(time_), list(argv)]:
                self._add_process(number, pid, parent, time_, tuple(map(str, argv)))
            case ["counts", int(events), int(lost), _]:
                self.events, self._unread = events, lost
            case ["use", str(name), [*values]]:
                self._add_use(Use(name, tuple(map(int, values))))
            case ["file" | "make" | "remove" | "rename" as name, str(path), str(root)]:
                self._add_use(Use(name, path=path, root=root))
            case ["exec-attach", str(reason)] if reason:
                self._warn(f"processes of docker exec are watched, but not traced: {reason}")
            case ["missed", str(argv0)]:
                self._warn(f"{argv0 or 'a process'} was started from outside; it was watched, but not traced")
            case _:
                self._handle_status(message)
                self._changed.notify_all()

    def _handle_status(self, message: list[Any]) -> None:
        """Handle a message that another thread may wait for."""
        match message:
            case ["ready"]:
                self.ready = True
            case ["released", int(pid)]:
                self._replies[pid] = (0, "")
            case ["refused", int(pid), int(number), str(text)]:
                self._replies[pid] = (number or errno.EIO, text)
            case ["ended", int(pid), int(status)]:
                self.wait_statuses[pid] = status
            case ["privilege-gain", int(), str(path)]:
                self.privilege_gains.add(path)
            case ["ptrace", int(number)]:
                self.tracers.add(self._process_of(number).argv0)

    def _add_use(self, use: Use) -> None:
        if len(self.uses) < MAX_USES:
            self.uses.add(use)
        elif use not in self.uses:
            self._overflowed += 1

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            if len(self.warnings) < MAX_WARNINGS:
                self.warnings.append(text)
            else:
                self._overflowed += 1

    def _add_process(self, number: int, pid: int, parent: int, time_: float, argv: tuple[str, ...]) -> None:
        own = next(_NUMBERS)
        self._processes[number] = Process(pid, argv[0] if argv else "", own)
        if len(self._run_processes) < MAX_PROCESSES:
            seconds = round(time_ - self.origin, 3)
            self._run_processes.append(RunProcess(own, self._process_of(parent).number, pid, argv, seconds))

    def _process_of(self, number: int) -> Process:
        return self._processes.get(number, self._processes[0])

    def _add(self, access: Access) -> None:
        key = (access.path, access.kind, access.origin, access.process.argv0, access.root)
        if key in self._accesses:
            return
        if len(self._accesses) >= MAX_ACCESSES:
            self._drop_missing()
        self._accesses[key] = access
        self.last_new = time.monotonic()

    def _drop_missing(self) -> None:
        """Drop accesses to paths that are not in the image.

        Waits until the image's index is available. The tracer waits too, because its pipe is not read meanwhile.
        """
        self._changed.wait_for(lambda: self._exists is not None, _START_SECONDS)
        exists = self._exists
        if exists is not None:
            before = len(self._accesses)
            self._accesses = {key: access for key, access in self._accesses.items() if exists(access.path)}
            self.dropped += before - len(self._accesses)
        if len(self._accesses) >= MAX_ACCESSES:
            self._overflowed += len(self._accesses)
            self._accesses.clear()
        oldest = max(self._processes) - MAX_ACCESSES
        self._processes = {number: process for number, process in self._processes.items() if not 0 < number < oldest}
