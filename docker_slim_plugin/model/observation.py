"""What one run of a container showed: the paths it named, the answers to the probes, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AccessKind(StrEnum):
    """What a process did to a path."""

    EXEC = "exec"
    OPEN = "open"
    STAT = "stat"
    READLINK = "readlink"
    LIST = "list"
    CHDIR = "chdir"
    CHANGE = "change"
    """Made, renamed, removed, linked, or had its metadata set."""
    CONNECT = "connect"
    OTHER = "other"


class Origin(StrEnum):
    """Who saw it."""

    PTRACE = "ptrace"
    FANOTIFY = "fanotify"
    INOTIFY = "inotify"
    PROC = "proc"
    """Held already by a process that ran before it was followed."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of the traced run, as far as it could still be asked."""

    pid: int
    """In the host's pid namespace; 0 when unknown."""
    argv0: str
    """Raw: may hold terminal escapes."""


@dataclass(frozen=True, slots=True)
class Access:
    """One path that the traced run named: absolute in the container's root, symlinks in it not yet resolved."""

    path: str
    kind: AccessKind
    origin: Origin
    process: Process
    root: str = "/"
    """The process's own root when it has been chrooted: absolute symlinks in `path` start there, ".." ends there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What one probe of a running container answered."""

    kind: str
    """http, exec, host-exec or healthcheck."""
    target: str
    ok: bool
    status: int
    """HTTP status, or exit status; -1 when there was no answer."""
    output: str = ""
    """Standard output and error of a command, or the body of an answer; bounded."""
    detail: str = ""
    """Why it is not ok, in words."""
    seconds: float = 0.0
    """That an HTTP answer took, up to its last byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a container behaved from the outside; what a verification compares."""

    probes: tuple[ProbeResult, ...] = ()
    exit_status: int | None = None
    """None when we stopped the container ourselves."""
    stop_status: int | None = None
    """Exit status after we asked it to stop; None when it ended by itself or had to be killed."""
    output: str = ""
    """Log of a container that ended by itself, bounded."""
    ports: tuple[int, ...] = ()
    """TCP ports that the app listened on when the probes began."""
    ready: float = 0.0
    """Seconds until then."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """What one run of the container showed."""

    accesses: tuple[Access, ...]
    result: RunResult
    lost: int = 0
    """Events the kernel dropped or we could not decode."""
    events: int = 0
    """Events seen, repeated ones included."""
    warnings: tuple[str, ...] = ()
    mode: str = "seccomp"
    """How the tracer stopped the app: seccomp, syscall (every call) or off."""
    watch: str = "fanotify"

    @property
    def complete(self) -> bool:
        return self.lost == 0
