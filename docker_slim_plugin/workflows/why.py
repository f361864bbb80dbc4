"""Implement `docker slim why`: tell why a path is in a slim image, or why it is not and what keeps it."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.plan import Selection
from docker_slim_plugin.model.report_requests import WhyRequest
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.report.chains import Step, find_chain, other_reasons
from docker_slim_plugin.report.stored import StoredEntry, StoredProcess, StoredReason, StoredReport
from docker_slim_plugin.resolve.packages import ownership
from docker_slim_plugin.resolve.packages.ownership import Packages
from docker_slim_plugin.resolve.presets import PRESETS
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.workflows.pack import NO_OBSERVATIONS, PackJob
from docker_slim_plugin.workflows.steps.stored_report import find_report, open_source

MAX_PATHS = 10_000
"""Most paths that one pattern explains."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A path that is in the image."""

    entry: StoredEntry
    chain: tuple[Step, ...]
    others: tuple[StoredReason, ...]
    """The reasons that the chain does not begin with."""
    ancestry: tuple[StoredProcess, ...] = ()
    """The process at the end of the chain and what started it, the youngest first; empty if it is not known."""


@dataclass(frozen=True, slots=True)
class Absent:
    """A path that is not in the image."""

    path: str
    source_path: str = ""
    """Its path in the source, symlinks resolved; "" if the source does not have it."""
    package: str = ""
    size: int = 0
    """Bytes of the file, or of all below a directory."""
    option: str = ""
    """The option that keeps it."""
    cost: int = 0
    """Bytes that the option adds: the file, and what it needs and the image does not have."""
    is_known: bool = True
    """Whether the source is here, so that this can be told."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer about one image."""

    image: str
    source: str
    level: str
    report: str
    """The file of the report."""
    kept: tuple[Kept, ...]
    absent: tuple[Absent, ...]


def why(request: WhyRequest, progress: Progress) -> Explanation:
    """Explain the paths of `request`, in their order."""
    engine, report, file = find_report(request.image, request.report, request.global_options)
    entries = {entry.Path: entry for entry in report.Files}
    wanted = [path for pattern in request.paths for path in _matching(pattern, entries)]
    wanted += [entry.Path for name in request.packages for entry in _of_package(name, report)]
    missing = [path for path in wanted if path not in entries]
    absent: dict[str, Absent] = {}
    if missing:
        source = engine and engine.find(report.Source.ID)
        if engine and source and os.geteuid() == 0:
            with open_source(engine, source, progress) as job:
                packages = job.sandbox.call(ownership.read, job.tree.wait()[0])
                absent = {path: _explain_absent(job, path, packages, entries) for path in missing}
        else:
            absent = {path: Absent(path, is_known=False) for path in missing}
    # A name with symlinks in it may be another name of what is kept.
    found = [absent[path].source_path if path in absent else path for path in wanted]
    return Explanation(
        image=request.image,
        source=report.Source.Reference,
        level=report.level,
        report=file,
        kept=tuple(_explain_kept(entries[path], entries, report) for path in dict.fromkeys(found) if path in entries),
        absent=tuple(one for one in absent.values() if one.source_path not in entries),
    )


def _matching(pattern: str, entries: Mapping[str, StoredEntry]) -> list[str]:
    """Return the kept paths that match a pattern; a plain path is itself."""
    path = os.path.normpath(pattern) if pattern != "/" else pattern
    if path in entries or not any(character in pattern for character in "*?["):
        return [path]
    found = fnmatch.filter(entries, pattern)
    if not found and "*" not in pattern:
        # A name may have brackets.
        return [path]
    if not found:
        raise SlimError(f"cannot explain {pattern}: no path in the image matches", hint="a pattern in quotes")
    return sorted(found)[:MAX_PATHS]


def _of_package(name: str, report: StoredReport) -> list[StoredEntry]:
    found = [entry for entry in report.Files if entry.Package.partition(":")[0] == name or entry.Package == name]
    if not found:
        raise SlimError(f"cannot explain the package {name}: no file of it is in the image", hint="--package NAME")
    return found


def _explain_kept(entry: StoredEntry, entries: Mapping[str, StoredEntry], report: StoredReport) -> Kept:
    chain = find_chain(entry.Path, entries)
    return Kept(
        entry,
        chain,
        tuple(other_reasons(entry, chain)),
        report.ancestry(chain[-1].reason.Process) if chain else (),
    )


def _explain_absent(job: PackJob, path: str, packages: Packages, entries: Mapping[str, StoredEntry]) -> Absent:
    rootfs, _ = job.tree.wait()
    end = rootfs.walk(path).end if path.startswith("/") else None
    if end is None:
        return Absent(path)
    if end in entries:
        return Absent(path, end)
    return Absent(
        path,
        end,
        package=_owner(packages, rootfs, end),
        size=sum(entry.size for entry in rootfs.below(end)),
        option=f"--keep {path}",
        cost=_cost(job, rootfs, end, entries),
    )


def _owner(packages: Packages, rootfs: Rootfs, path: RootPath) -> str:
    """Return the package of a file, or the only package of all files below a directory."""
    files = (entry.path for entry in rootfs.below(path) if entry.kind is not EntryKind.DIRECTORY)
    owners = {owner for file in files for owner in packages.owners_of(file)[:1]}
    return owners.pop() if len(owners) == 1 else ""


def _cost(job: PackJob, rootfs: Rootfs, path: RootPath, entries: Mapping[str, StoredEntry]) -> int:
    """Return the bytes that keeping a path adds to the image."""
    selection = Selection(keep=(path,), hints_off=frozenset(PRESETS))
    plan = replace(job, request=replace(job.request, selection=selection)).make_plan(rootfs, NO_OBSERVATIONS)
    needed = (entry for entry in plan.files() if entry.path not in entries)
    return sum(entry.size for entry in needed)
