"""Implement `docker slim diff --traces`: what a run named that an earlier run did not. No engine is needed."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from docker_slim_plugin.model.report_requests import DiffRequest
from docker_slim_plugin.observe.trace import load
from docker_slim_plugin.report.changes import State


@dataclass(frozen=True, slots=True)
class NamedPath:
    """A path that only one of the traces has."""

    path: str
    state: State
    """new or gone."""
    kinds: tuple[str, ...]
    """What was done to it: open, exec ... Sorted."""
    programs: tuple[str, ...]
    """Names of the programs that did that. Sorted."""


def diff_traces(request: DiffRequest) -> tuple[NamedPath, ...]:
    """Compare two trace files; return the paths that one of them has, sorted. SlimError for a file that is none."""
    before, after = (_named(file) for file in (request.image, request.other))
    found = [NamedPath(path, State.NEW, *after[path]) for path in after.keys() - before.keys()]
    found += [NamedPath(path, State.GONE, *before[path]) for path in before.keys() - after.keys()]
    return tuple(sorted(found, key=lambda one: one.path))


def _named(file: str) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return what all runs of a trace file did to each path, and which programs."""
    kinds: dict[str, set[str]] = {}
    programs: dict[str, set[str]] = {}
    for trace in load(file):
        for access in trace.observations.accesses:
            kinds.setdefault(access.path, set()).add(access.kind.value)
            programs.setdefault(access.path, set()).add(posixpath.basename(access.process.argv0) or "?")
    return {path: (tuple(sorted(kinds[path])), tuple(sorted(programs[path]))) for path in kinds}
