"""What goes into a slim image, as it crosses from the process that worked it out: paths and reasons, no entries.

The entries are looked up on this side, so that nothing gets into an image that its source has not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model import (
    Access,
    FilePlan,
    Group,
    Kept,
    Observations,
    Reason,
    RootPath,
    Selection,
    SourceImage,
)
from docker_slim_plugin.resolve.plan import resolve
from docker_slim_plugin.rootfs import Rootfs


class ResolvedPath(NamedTuple):
    """One path that is kept."""

    path: str
    reasons: tuple[int, ...]
    """Places in Resolution.reasons."""
    group: Group
    package: str
    content: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A FilePlan without its entries."""

    reasons: tuple[Reason, ...]
    """Each once; paths name them by their place."""
    kept: tuple[ResolvedPath, ...]
    total_files: int
    total_bytes: int
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def resolution(
    rootfs: Rootfs,
    observations: Observations,
    selection: Selection,
    source: SourceImage,
    missed: Iterable[Access] = (),
) -> Resolution:
    """Return what `resolve` does, fit to be sent to another process."""
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
    """Return the plan, with entries of `rootfs`; SlimError when it names what is not there."""
    reasons = dict(enumerate(found.reasons))
    try:
        kept = tuple(_kept(one, reasons, rootfs) for one in found.kept)
    except KeyError as error:
        raise SlimError(f"cannot use what was worked out of the image: it has no {error}") from error
    return FilePlan(
        kept=kept,
        total_files=found.total_files,
        total_bytes=found.total_bytes,
        warnings=found.warnings,
        notes=found.notes,
    )


def _kept(one: ResolvedPath, reasons: Mapping[int, Reason], rootfs: Rootfs) -> Kept:
    entry = rootfs.entries[RootPath(one.path)]
    if one.content is not None:
        entry = replace(entry, size=len(one.content), inode=0, links=1)
    return Kept(
        entry=entry,
        reasons=tuple(reasons[place] for place in one.reasons),
        group=one.group,
        package=one.package,
        content=one.content,
    )
