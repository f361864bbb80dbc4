"""The result of one run of a container: the paths that it named, the answers to the probes, and how it ended."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum

from docker_slim_plugin.model.calls import Call


class AccessKind(StrEnum):
    """What a process did to a path."""

    EXEC = "exec"
    OPEN = "open"
    STAT = "stat"
    READLINK = "readlink"
    LIST = "list"
    CHDIR = "chdir"
    CHANGE = "change"
    """Created, renamed, removed, linked, or changed in its metadata."""
    CONNECT = "connect"
    OTHER = "other"


class Origin(StrEnum):
    """The source of an access."""

    PTRACE = "ptrace"
    FANOTIFY = "fanotify"
    INOTIFY = "inotify"
    PROC = "proc"
    """From /proc: open in a process that ran before it was traced."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of the traced run, as far as it could be read."""

    pid: int
    """In the host's pid namespace; 0 when unknown."""
    argv0: str
    """Unfiltered: it may contain terminal escapes."""
    number: int = field(default=0, compare=False)
    """Of its RunProcess; 0 if there is none."""


@dataclass(frozen=True, slots=True)
class RunProcess:
    """A process of a run between two execs, with what started it."""

    number: int
    parent: int
    """Number of the process that forked it, or of what it was before its exec; 0 for one that docker started."""
    pid: int
    """In the host's pid namespace."""
    argv: tuple[str, ...]
    """Those that are whole within 1024 bytes, unfiltered; then "..." if there are more."""
    seconds: float
    """From the start of its run until it named a path first."""


@dataclass(frozen=True, slots=True)
class Access:
    """One path that the traced run named, absolute in the container's root. Symlinks in it are not resolved yet."""

    path: str
    kind: AccessKind
    origin: Origin
    process: Process
    root: str = "/"
    """Root directory of the process (chroot(2)). Absolute symlinks in `path` start there, and ".." ends there."""
    seconds: float = field(default=0.0, compare=False)
    """From the start of its run; 0 if it is not known."""
    during: str = field(default="", compare=False)
    """The probe or the phase of the run in which it was seen first."""


@dataclass(frozen=True, slots=True)
class Use:
    """Something that the app used beside files, or a file that it changed; recorded only for a confined image."""

    name: str
    """A system call; or what it does with `path`: file (opens it to change or make it), make, remove, rename."""
    values: tuple[int, ...] = ()
    """Of socket(2): domain, type, protocol. Of bind(2) and connect(2): family, port, type, protocol; for AF_UNIX:
    family, 1 if abstract."""
    path: str = ""
    """As the process named it, absolute in the container's root."""
    root: str = "/"
    """As of an Access."""


HTTP, STATUS_ONLY, SKIPPED, SERVICE, CRON, START = "http", "http-status", "http-skip", "service", "cron", "start"
"""Kinds of results: a request; one of which only the status is compared; what was not probed (a port, links, jobs); a
question to a service; a job of cron; another start of the app.
"""
NO_ANSWER = -1
"""The status of a request without an answer, and of a job that did not end in time."""
LOOPBACK = " loopback"
"""After the port in the target of a SKIPPED result: it was asked on loopback, which servers trust more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """The result of one probe of a running container."""

    kind: str
    """One of the above, or exec, host-exec, healthcheck."""
    target: str
    ok: bool
    status: int
    """HTTP status or exit status; -1 if there was no answer."""
    output: str = ""
    """Standard output and error of a command, or the body of an HTTP answer; limited in size."""
    detail: str = ""
    """Why it is not ok."""
    seconds: float = 0.0
    """Duration of an HTTP request, up to the last byte of the answer."""
    ended: float = field(default_factory=time.monotonic, compare=False)
    """When it was made, of time.monotonic(); in the result of a run, seconds from the start of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """The visible behaviour of a container. A verification compares these."""

    probes: tuple[ProbeResult, ...] = ()
    exit_status: int | None = None
    """None if we stopped the container."""
    stop_status: int | None = None
    """Exit status after a request to stop. None if the container ended by itself or had to be killed."""
    output: str = ""
    """Log of a container that ended by itself, limited in size."""
    ports: tuple[int, ...] = ()
    """TCP ports on which the app listened when the probes began."""
    ready: float = 0.0
    """Seconds until the app was ready for the probes."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Peaks:
    """What a container used at most; 0 where it is not known."""

    memory: int = 0
    """Bytes, with the page cache of its files."""
    processes: int = 0
    """Processes and threads."""
    descriptors: int = 0
    """The highest number of a file descriptor, plus 1."""

    def merged(self, other: Peaks) -> Peaks:
        return Peaks(
            max(self.memory, other.memory),
            max(self.processes, other.processes),
            max(self.descriptors, other.descriptors),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """The result of one run of the container."""

    accesses: tuple[Access, ...]
    result: RunResult
    lost: int = 0
    """Number of events that the kernel dropped or that could not be decoded."""
    events: int = 0
    """Number of events, repeated ones included."""
    warnings: tuple[str, ...] = ()
    mode: str = "seccomp"
    """How the tracer stopped the app: seccomp, syscall (at every call) or off."""
    watch: str = "fanotify"
    uses: frozenset[Use] = frozenset()
    privilege_gains: tuple[str, ...] = ()
    """Programs that gain privileges when they are executed."""
    calls: tuple[Call, ...] = ()
    """The distinct system calls, if they were recorded."""
    processes: tuple[RunProcess, ...] = ()
    """What the accesses are by, each after its parent; of processes that ptrace has seen."""
    peaks: Peaks = Peaks()

    @property
    def complete(self) -> bool:
        return self.lost == 0
