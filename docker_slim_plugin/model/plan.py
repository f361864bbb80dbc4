"""The plan of a slim image: its entries, each with its reasons and its layer group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

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
    """A symlink on the way to a kept path."""
    HINT = "hint"
    """A preset for files that traces do not show."""
    KEEP = "keep"
    """The user's --keep or --keep-package."""
    CONFIG = "config"
    """The image's own configuration requires it."""
    DIRECTORY = "directory"
    """All directories are kept."""
    REPAIR = "repair"
    """The slim image asked for it when it was verified, and the source's run had not named it."""
    SHELL = "shell"
    """Added by --shell, not from the source."""
    BASE = "base"
    """The base image of the written image has it."""
    GENERATED = "generated"
    """Its content is generated from the original, e.g. the filtered package database."""


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """One reason to keep a path."""

    kind: ReasonKind
    by: str
    """What needs it: a process ("nginx"), a path ("/usr/sbin/nginx"), a preset ("nss") or an option."""
    detail: str = ""
    """How: "open", "DT_NEEDED libz.so.1", "link to usr/bin" ..."""
    cause: str = ""
    """The file that calls for it, as far as a rule knows one."""

    @property
    def description(self) -> str:
        return f"{self.detail}: {self.cause}" if self.cause else self.detail


class Group(StrEnum):
    """Layer group, lowest first. Files that rarely change are below files that often change."""

    COMMON = "common"
    """In the layers of the base image on which this one is written. Nothing of it is written."""
    BASE = "base"
    RUNTIME = "runtime"
    APP = "app"
    CONFIG = "config"
    SHELL = "shell"
    """For debugging, not from the source. It is the top layer, so that it can be left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEntry:
    """One entry of the slim image, with all its reasons (never empty, sorted)."""

    entry: Entry
    reasons: tuple[Reason, ...]
    group: Group = Group.APP
    package: str = ""
    """Owner package ("libc6"), or empty if no package owns it."""
    content: bytes | None = None
    """Set if the content is generated. entry.size is then len(content)."""


class RulePrice(NamedTuple):
    """What a preset or rule adds to an image, the libraries of its files aside."""

    name: str
    summary: str
    files: int
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlan:
    """The entries of the slim image, sorted by path, with every parent directory."""

    kept: tuple[KeptEntry, ...]
    total_files: int
    """Entries of the source image that are not directories."""
    total_bytes: int
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Information for the user that is not a warning."""
    level: str = "exact"
    """exact, app or package: how much was kept beside what the run showed."""
    base: str = ""
    """The base image. Its entries are in `kept`, in the group COMMON."""

    def files(self) -> tuple[Entry, ...]:
        """Return the entries that come from the source, without directories."""
        return tuple(
            kept.entry
            for kept in self.kept
            if kept.entry.kind is not EntryKind.DIRECTORY
            and kept.reasons[0].kind is not ReasonKind.SHELL
            and not (kept.reasons[0].kind is ReasonKind.BASE and len(kept.reasons) == 1)
        )

    def by_rule(self) -> tuple[RulePrice, ...]:
        """Return what each preset and rule has kept that nothing else asked for, the largest first."""
        prices: dict[str, tuple[str, int, int]] = {}
        for kept in self.kept:
            asked = [one for one in kept.reasons if one.kind not in (ReasonKind.SYMLINK, ReasonKind.DIRECTORY)]
            if kept.entry.kind is EntryKind.DIRECTORY or any(one.kind is not ReasonKind.HINT for one in asked):
                continue
            for reason in asked[:1]:
                summary, files, size = prices.get(reason.by, (reason.detail, 0, 0))
                prices[reason.by] = (summary, files + 1, size + kept.entry.size)
        found = (RulePrice(name, *price) for name, price in prices.items())
        return tuple(sorted(found, key=lambda one: (-one.size, one.name)))

    def by_path(self) -> Mapping[RootPath, KeptEntry]:
        return {kept.entry.path: kept for kept in self.kept}


@dataclass(frozen=True, slots=True, kw_only=True)
class Busybox:
    """A static busybox to add."""

    content: bytes = field(repr=False)
    mtime_ns: int
    applets: tuple[str, ...]
    """Paths of the symlinks to it. Paths that exist are skipped."""
    origin: str
    """Where it comes from, as text for the user."""


LEVELS = ("exact", "app", "package")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The user's options about files to keep and drop."""

    level: str = "exact"
    """How much is kept beside what the run showed: exact, app or package."""
    keep: tuple[str, ...] = ()
    """Glob patterns for image paths. A directory means everything below it."""
    keep_packages: tuple[str, ...] = ()
    keep_all_of: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    hints_off: frozenset[str] = frozenset()
    """Names of presets that are turned off."""
    requested: tuple[str, ...] = ()
    """What `pack` keeps: names of programs, paths, patterns. If there are any, nothing was run, and static analysis is
    used."""
