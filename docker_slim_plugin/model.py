"""The frozen records that the floors exchange.

A path inside an image is a `RootPath`: an absolute, normalised string ("/usr/bin/env", "/" for the root; no "." or
"..", no doubled slashes) decoded by `os.fsdecode`, so that a name that is not UTF-8 survives as surrogate escapes. It
is a type of its own, apart from `pathlib.Path`, which is always a path of the host; and it is a string, not a
PurePosixPath, because an image has 100,000s of them and a hostile app can name millions.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NewType

RootPath = NewType("RootPath", str)


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


class EntryKind(StrEnum):
    """Type of a file, by its tree-dump name."""

    FILE = "file"
    DIRECTORY = "dir"
    SYMLINK = "link"
    FIFO = "fifo"
    CHARACTER = "char"
    BLOCK = "block"
    SOCKET = "sock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name in the image's pristine tree, as lstat(2) and llistxattr(2) show it."""

    path: RootPath
    kind: EntryKind
    mode: int
    """Permission bits only, setuid, setgid and sticky included (0o7777)."""
    uid: int = 0
    gid: int = 0
    size: int = 0
    """Bytes of a regular file, 0 otherwise."""
    mtime_ns: int = 0
    target: str = ""
    """Of a symlink, as it stands."""
    device: tuple[int, int] = (0, 0)
    """Major and minor of a device node."""
    inode: int = 0
    """Names with the same non-zero inode and links > 1 are hard links of one file."""
    links: int = 1
    xattrs: tuple[tuple[str, bytes], ...] = ()
    """Sorted by name; names like security.capability or user.note."""

    @property
    def is_executable(self) -> bool:
        return self.kind is EntryKind.FILE and bool(self.mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH))


class ReasonKind(StrEnum):
    """Why a path is in the image."""

    ACCESS = "access"
    """A process of the traced run named it."""
    LIBRARY = "library"
    """DT_NEEDED or PT_INTERP of a kept ELF file."""
    INTERPRETER = "interpreter"
    """#! line of a kept script."""
    SYMLINK = "symlink"
    """A link that a kept path leads through."""
    HINT = "hint"
    """A preset of what traces miss."""
    KEEP = "keep"
    """The user's --keep or --keep-package."""
    CONFIG = "config"
    """Named by the image's own configuration."""
    DIRECTORY = "directory"
    """All directories stay."""
    REPAIR = "repair"
    """The slim image asked for it when it was tried; the source's run had not named it."""
    SHELL = "shell"
    """Not the source's: what --shell adds."""
    BASE = "base"
    """The base image that the image is written on holds it."""
    GENERATED = "generated"
    """Written by us from the original, e.g. the filtered package database."""


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """Why one path is kept."""

    kind: ReasonKind
    by: str
    """Who needed it: a process ("nginx"), a path ("/usr/sbin/nginx"), a hint ("nss") or an option."""
    detail: str = ""
    """How: "open", "DT_NEEDED libz.so.1", "link to usr/bin" ..."""


class Group(StrEnum):
    """Layer group, lowest first: what changes rarely lies below what changes often."""

    COMMON = "common"
    """In the layers of the base image that this one is written on: nothing of it is written."""
    BASE = "base"
    RUNTIME = "runtime"
    APP = "app"
    CONFIG = "config"
    SHELL = "shell"
    """For debugging: added, not the source's, and on top, so that it can be left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One entry that goes into the slim image, with every reason for it (never empty, sorted)."""

    entry: Entry
    reasons: tuple[Reason, ...]
    group: Group = Group.APP
    package: str = ""
    """Owning package ("libc6"), empty when no package owns it."""
    content: bytes | None = None
    """Set when the content is generated, not the image's own; entry.size is then len(content)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlan:
    """What goes into the slim image: sorted by path, every parent directory included."""

    kept: tuple[Kept, ...]
    total_files: int
    """Non-directories in the source image."""
    total_bytes: int
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What is good to know and nothing to worry about."""
    base: str = ""
    """The image whose layers lie below; its files are among `kept`, in the group COMMON."""

    def files(self) -> tuple[Entry, ...]:
        """Return what is the source's, directories aside."""
        return tuple(
            kept.entry
            for kept in self.kept
            if kept.entry.kind is not EntryKind.DIRECTORY
            and kept.reasons[0].kind is not ReasonKind.SHELL
            and not (kept.reasons[0].kind is ReasonKind.BASE and len(kept.reasons) == 1)
        )

    def by_path(self) -> Mapping[RootPath, Kept]:
        return {kept.entry.path: kept for kept in self.kept}


@dataclass(frozen=True, slots=True, kw_only=True)
class Busybox:
    """A static busybox that is to be added."""

    content: bytes = field(repr=False)
    mtime_ns: int
    applets: tuple[str, ...]
    """Paths that are to lead to it, where nothing else is."""
    origin: str
    """In words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the user asked to keep and drop on top of what was seen."""

    keep: tuple[str, ...] = ()
    """Glob patterns on image paths; a directory means all below it."""
    keep_packages: tuple[str, ...] = ()
    keep_all_of: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    hints_off: frozenset[str] = frozenset()
    """Names of hint presets that are turned off."""
    named: tuple[str, ...] = ()
    """What `pack` is to take: programs by name, paths, patterns. With any, nothing was run: files are asked instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceImage:
    """The image to be slimmed, as the engine describes it."""

    reference: str
    """As the user wrote it, e.g. "nginx" or "nginx:1.27"."""
    id: str
    """sha256:..., as the engine names it."""
    digests: tuple[str, ...]
    """RepoDigests."""
    tags: tuple[str, ...]
    size: int
    """Bytes of the files in its layers, one by one and uncompressed; see engine/size.py."""
    os: str
    architecture: str
    """GOARCH, e.g. amd64."""
    variant: str
    created: str
    config: Mapping[str, Any]
    """The image's Config as the engine's API gives it (OCI spelling: Env, Entrypoint, Cmd, ...)."""
    layers: tuple[str, ...]
    """Diff ids, lowest first."""
    history: tuple[Mapping[str, Any], ...] = ()
    """Newest first, as GET /images/NAME/history gives it."""
    graph: Mapping[str, Any] = field(default_factory=dict)
    """GraphDriver of the engine's answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBlob:
    """One layer written as an uncompressed tar on the host."""

    group: str
    file: str
    """Host path of the tar."""
    diff_id: str
    """sha256:... of the uncompressed tar."""
    size: int
    """Bytes of the tar."""
    files: int
    """Entries that are not directories."""
    content: int = 0
    """Bytes of its files and links: what an image's size is counted by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlimImage:
    """One slim image in the engine."""

    form: str
    """layered or squashed."""
    reference: str
    """Name:tag it is to have."""
    id: str
    size: int
    layers: tuple[LayerBlob, ...]
