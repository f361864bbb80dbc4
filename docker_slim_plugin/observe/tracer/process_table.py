"""The processes of a traced run, as the messages identify them: their arguments, and what started them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from docker_slim_plugin.kernel.syscalls import command_line
from docker_slim_plugin.observe.tracer.channel import Channel

MAX_KNOWN = 200_000
"""Number of processes to remember; then they are forgotten, and read again at their next access."""
MAX_ANCESTORS = 32
"""Length of a chain of parents; a longer one is cut, so that memory is bounded."""


@dataclass(slots=True, eq=False)
class TracedProcess:
    """A traced process between two execs."""

    pid: int
    argv: tuple[str, ...]
    """As far as it was read; the first word only for a process that docker started."""
    parent: TracedProcess | None = None
    """What forked it, or what it was before its exec."""
    number: int = 0
    """Number in the messages; 0 until the first message about the process."""
    depth: int = field(init=False)
    seconds: float = field(default_factory=time.monotonic)
    """When it was first seen, of time.monotonic()."""

    def __post_init__(self) -> None:
        if self.parent and self.parent.depth >= MAX_ANCESTORS:
            self.parent = None
        self.depth = self.parent.depth + 1 if self.parent else 0

    @property
    def argv0(self) -> str:
        return self.argv[0] if self.argv else ""


class ProcessTable:
    """The live processes by pid. A message for a process is sent before the first one that has its number."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._processes: dict[int, TracedProcess] = {}
        self._parents: dict[int, TracedProcess] = {}
        """What a process was before its exec, until its new arguments are read."""
        self._count = 0

    def set_name(self, pid: int, name: str) -> None:
        """Set the name of `pid` until its next exec."""
        self._processes[pid] = TracedProcess(pid, (name,))

    def add_child(self, child: int, parent: int, *, thread: bool) -> None:
        """Give a child its parent's arguments until it execs; this is cheaper than reading /proc.

        A thread is the same process as its creator.
        """
        process = self._processes.get(parent)
        if process is not None:
            same = process if thread else TracedProcess(child, process.argv, process)
            self._processes.setdefault(child, same)
        elif parent in self._parents:
            self._parents.setdefault(child, self._parents[parent])

    def replace_program(self, pid: int) -> None:
        """Expect new arguments of `pid`: it executes a program."""
        process = self._processes.pop(pid, None)
        if process is not None:
            self._parents[pid] = process

    def forget(self, pid: int) -> None:
        """Forget `pid`: it has ended, or nothing that it was counts."""
        self._processes.pop(pid, None)
        self._parents.pop(pid, None)

    def of(self, pid: int) -> TracedProcess:
        """Return the process `pid`; read its arguments from /proc at its first access since its exec."""
        process = self._processes.get(pid)
        if process is None:
            if len(self._processes) > MAX_KNOWN:
                self._processes.clear()
                self._parents.clear()
            process = TracedProcess(pid, command_line(pid), self._parents.pop(pid, None))
            self._processes[pid] = process
        return process

    def number(self, process: TracedProcess) -> int:
        """Return the number of a process in the messages; send its message first, after those of its ancestors."""
        unsent: list[TracedProcess] = []
        one: TracedProcess | None = process
        while one is not None and not one.number:
            unsent.append(one)
            one = one.parent
        for one in reversed(unsent):
            self._count += 1
            one.number = self._count
            parent = one.parent.number if one.parent else 0
            self._channel.send("process", one.number, one.pid, parent, round(one.seconds, 3), one.argv)
        return process.number
