"""Gates: conditions of the user on a slim image. If one is not met, the image is made, and the exit status says so."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from docker_slim_plugin.model.entry import EntryKind
from docker_slim_plugin.model.plan import FilePlan
from docker_slim_plugin.report.stored import StoredReport

SHOWN = 10


def compare_with_baseline(plan: FilePlan, baseline: StoredReport) -> Iterator[str]:
    """Yield what a slim image has that an earlier one has not: files, packages, setuid and setgid programs."""
    known = {entry.Path: entry for entry in baseline.Files}
    own = [one for one in plan.kept if one.entry.kind is not EntryKind.DIRECTORY]
    files = [one.entry for one in own if one.entry.kind is EntryKind.FILE]
    yield from _listed("new files", sorted(one.entry.path for one in own if one.entry.path not in known))
    packages = {entry.Package for entry in baseline.Files}
    yield from _listed("new packages", sorted({one.package for one in own} - packages))
    special = {entry.Path for entry in baseline.Files if entry.is_privileged}
    gains = (entry for entry in files if entry.mode & (stat.S_ISUID | stat.S_ISGID))
    yield from _listed("new setuid or setgid files", sorted(entry.path for entry in gains if entry.path not in special))


def _listed(what: str, names: list[str]) -> Iterator[str]:
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        yield f"{what} since the baseline: {', '.join(names[:SHOWN])}{more}"
