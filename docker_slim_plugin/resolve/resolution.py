"""A plan in the form in which the sandboxed process returns it: paths and reasons, without entries.

The receiving side looks up the entries in its own index, so no entry can get into the slim image that the source does
not have. It also checks that the plan is sorted, that it contains each parent directory, and that new content is given
only for files that describe packages. The sandboxed process has read hostile files, so its answer is not trusted.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.observation import Access, Observations
from docker_slim_plugin.model.plan import FilePlan, Group, KeptEntry, Reason, ReasonKind, Selection
from docker_slim_plugin.resolve.packages.metadata.python import INSTALLED, RECORD
from docker_slim_plugin.resolve.packages.ownership import APK, DPKG_STATUS, RPM
from docker_slim_plugin.resolve.plan import resolve
from docker_slim_plugin.rootfs.index import Rootfs, parents

LOCAL_REASONS = frozenset({ReasonKind.SHELL, ReasonKind.BASE})
"""Reasons that only the receiving side adds. The same holds for the groups COMMON, of which nothing is written, and
SHELL."""
MAX_TEXTS, MAX_LINE = 200, 2000
"""Most warnings, and most notes, of a plan; and most characters of each."""
_SLACK = 1 << 20
"""Bytes by which a filtered database may be larger than the original."""
_SET_ID = stat.S_ISUID | stat.S_ISGID


def invalid_plan(why: object) -> SlimError:
    """Return the error for a plan that `resolve` cannot have made."""
    return SlimError(f"cannot use the plan for the image: {why}")


class ResolvedPath(NamedTuple):
    """One kept path."""

    path: str
    reasons: tuple[int, ...]
    """Indexes into Resolution.reasons."""
    group: Group
    package: str
    content: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A FilePlan without its entries."""

    reasons: tuple[Reason, ...]
    """Each reason once. Paths refer to them by index."""
    kept: tuple[ResolvedPath, ...]
    total_files: int
    total_bytes: int
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def resolve_compact(
    rootfs: Rootfs,
    observations: Observations,
    selection: Selection,
    source: SourceImage,
    missed: Iterable[Access] = (),
) -> Resolution:
    """Return the result of `resolve` in the form that can be sent to another process."""
    return compact(resolve(rootfs, observations, selection, source, missed))


def compact(plan: FilePlan) -> Resolution:
    """Return the plan without its entries."""
    places: dict[Reason, int] = {}
    kept = tuple(
        ResolvedPath(
            path=one.entry.path,
            reasons=tuple(places.setdefault(reason, len(places)) for reason in one.reasons),
            group=one.group,
            package=one.package,
            content=one.content,
        )
        for one in plan.kept
    )
    return Resolution(
        reasons=tuple(places),
        kept=kept,
        total_files=plan.total_files,
        total_bytes=plan.total_bytes,
        warnings=plan.warnings,
        notes=plan.notes,
    )


def expand(found: Resolution, rootfs: Rootfs) -> FilePlan:
    """Return the plan with the entries of `rootfs`. Raises SlimError if it is not a valid plan for that tree."""
    reasons = dict(enumerate(found.reasons))
    if any(one.kind in LOCAL_REASONS for one in found.reasons):
        raise invalid_plan("it has a reason that only docker slim itself may give")
    if found.total_files != sum(entry.kind is not EntryKind.DIRECTORY for entry in rootfs.entries.values()):
        raise invalid_plan("its number of files is not that of the image")
    places = find_metadata_directories(rootfs)
    try:
        kept = tuple(_expand_path(one, reasons, rootfs, places) for one in found.kept)
    except KeyError as error:
        raise invalid_plan(f"it has no {error}") from error
    _check_tree(kept)
    return FilePlan(
        kept=kept,
        total_files=found.total_files,
        total_bytes=found.total_bytes,
        warnings=limit_texts(found.warnings),
        notes=limit_texts(found.notes),
    )


def limit_texts(texts: Collection[str]) -> tuple[str, ...]:
    """Return texts for display: at most MAX_TEXTS of them, with at most MAX_LINE characters each."""
    more = len(texts) - MAX_TEXTS
    shown = tuple(text[:MAX_LINE] for text in tuple(texts)[:MAX_TEXTS])
    return (*shown, f"and {more} more") if more > 0 else shown


def _expand_path(
    one: ResolvedPath, reasons: Mapping[int, Reason], rootfs: Rootfs, places: Collection[str]
) -> KeptEntry:
    entry = rootfs.entries[RootPath(one.path)]
    if not one.reasons or one.group in (Group.COMMON, Group.SHELL):
        raise invalid_plan(f"{one.path!r} has no reason, or a group that no file of the image can have")
    if one.content is not None:
        entry = replace_content(entry, one.content, places)
    return KeptEntry(
        entry=entry,
        reasons=tuple(reasons[place] for place in one.reasons),
        group=one.group,
        package=one.package,
        content=one.content,
    )


def _check_tree(kept: Iterable[KeptEntry]) -> None:
    """Raise SlimError unless the paths are sorted, unique, and each parent directory is among them."""
    directories = {"/": True}
    before = ""
    for one in kept:
        path = one.entry.path
        if path <= before:
            raise invalid_plan(f"{path!r} is not in sorted order")
        if not directories.get(next(parents(path), RootPath("/"))):
            raise invalid_plan(f"{path!r} has a parent directory that is not kept")
        if one.entry.kind is EntryKind.DIRECTORY:
            directories[path] = True
        before = path


def find_metadata_directories(rootfs: Rootfs) -> frozenset[str]:
    """Return the directories below which package metadata may get new content, with symlinks resolved."""
    tops = (DPKG_STATUS.rpartition("/")[0], *(path.rpartition("/")[0] for path in APK), *RPM)
    return frozenset(end for top in tops if (end := rootfs.walk(top).end) is not None and end != "/")


def replace_content(entry: Entry, content: bytes, places: Collection[str], extra: int = 0) -> Entry:
    """Return the entry of a file with new content, which may be `extra` bytes longer than usual.

    Raises SlimError unless the file is package metadata. No other file of an image gets new content.
    """
    is_metadata = entry.path.rpartition("/")[2] in (RECORD, INSTALLED) or any(
        parent in places for parent in parents(entry.path)
    )
    is_plain = entry.kind is EntryKind.FILE and not entry.mode & _SET_ID
    if not is_metadata or not is_plain or len(content) > entry.size + extra + _SLACK:
        raise invalid_plan(f"{entry.path!r} may not get new content")
    return replace(entry, size=len(content), inode=0, links=1)
