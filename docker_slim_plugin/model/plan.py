"""What goes into a slim image, each path with its reasons and its layer group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath


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
class KeptEntry:
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

    kept: tuple[KeptEntry, ...]
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

    def by_path(self) -> Mapping[RootPath, KeptEntry]:
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
    requested: tuple[str, ...] = ()
    """What `pack` is to take: programs by name, paths, patterns. With any, nothing was run: files are asked instead."""
