"""Traces: the observations of traced runs, and the file that stores them.

A trace file is JSON, documented in docs/trace-format.md: the image's id, and one or more runs. To merge files of the
same image, an image is built from all of them. A file holds only paths that exist in the image, so it is small. It is
readable by its owner only, because the options of a run may contain secrets.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby
from pathlib import Path

from docker_slim_plugin import __version__
from docker_slim_plugin.engine.secrets import strip_values
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import output_file
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.observation import (
    START,
    Access,
    AccessKind,
    Observations,
    Origin,
    Peaks,
    ProbeResult,
    Process,
)
from docker_slim_plugin.model.request import Exercise
from docker_slim_plugin.observe import trace_format
from docker_slim_plugin.observe.timeline import rename_phase
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.typed_json import Malformed, to_json

MAX_BYTES = 256 << 20
_ADVICE = "docker slim trace --output FILE IMAGE"
_OBSERVED = ("result", "mode", "watch", "events", "lost", "warnings")
"""The fields of Observations that a run in a file has as they are, with a capital letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One traced run."""

    source_id: str
    """Id (sha256:...) of the image that ran."""
    exercise: Exercise | None
    """None when the container belonged to somebody else, and cannot be started again."""
    observations: Observations


def merge_observations(traces: Sequence[Trace]) -> Observations:
    """Return the observations of all runs together, with the result of the first.

    Runs with another exercise are probes of kind "start" in the result.
    """
    first = traces[0].observations
    given = traces[0].exercise
    others = [one for one in traces if given and one.exercise and one.exercise != given]
    accesses: dict[tuple[str, AccessKind, Origin, str, str], Access] = {}
    for trace in traces:
        seen = trace.observations.accesses
        for access in rename_phase(seen, _words(trace)) if any(trace is one for one in others) else seen:
            key = (access.path, access.kind, access.origin, access.process.argv0, access.root)
            accesses.setdefault(key, access)
    return replace(
        first,
        result=replace(first.result, probes=(*first.result.probes, *map(_start, others))),
        accesses=tuple(accesses.values()),
        uses=frozenset(use for trace in traces for use in trace.observations.uses),
        privilege_gains=tuple(sorted({name for trace in traces for name in trace.observations.privilege_gains})),
        calls=tuple(dict.fromkeys(call for trace in traces for call in trace.observations.calls)),
        processes=tuple(one for trace in traces for one in trace.observations.processes),
        peaks=reduce(Peaks.merged, (trace.observations.peaks for trace in traces)),
        lost=sum(trace.observations.lost for trace in traces),
        events=sum(trace.observations.events for trace in traces),
        warnings=tuple(dict.fromkeys(text for trace in traces for text in trace.observations.warnings)),
    )


def _start(trace: Trace) -> ProbeResult:
    """Return a run in which the app was started in another way."""
    return ProbeResult(kind=START, target=_words(trace), ok=True, status=trace.observations.result.exit_status or 0)


def _words(trace: Trace) -> str:
    """Return what distinguishes a start from the first one."""
    exercise = trace.exercise or Exercise()
    options = [one for one in exercise.docker_options if one.startswith("--tmpfs=")]
    return " ".join((*options, *exercise.command)) or "another start"


def restrict_to_image(rootfs: Rootfs, observations: Observations) -> Observations:
    """Return the observations without accesses to paths that the image does not have."""

    def leads(access: Access) -> bool:
        links, end = rootfs.walk(access.path, root=access.root)
        return end is not None or bool(links)

    return replace(observations, accesses=tuple(filter(leads, observations.accesses)))


def differing_files(rootfs: Rootfs, traces: Sequence[Trace]) -> tuple[str, ...]:
    """Return the sorted paths of the image that some, but not all, of the traces name."""
    named = [
        {end for access in trace.observations.accesses if (end := rootfs.walk(access.path, root=access.root).end)}
        for trace in traces
    ]
    return tuple(sorted(set().union(*named) - named[0].intersection(*named))) if named else ()


def dumps(source: SourceImage, traces: Sequence[Trace]) -> str:
    """Return the text of a trace file."""
    document = trace_format.TraceFile(
        Format=trace_format.FORMAT,
        SchemaVersion=trace_format.SCHEMA_VERSION,
        Version=__version__,
        Source=trace_format.Source(source.reference, source.id),
        Runs=tuple(map(_run, traces)),
    )
    return to_json(document) + "\n"


def _run(trace: Trace) -> trace_format.Run:
    seen = trace.observations
    return trace_format.Run(
        Exercise=trace.exercise and strip_values(trace.exercise, os.environ),
        Accesses=tuple(_grouped(seen.accesses)),
        **{name.capitalize(): getattr(seen, name) for name in _OBSERVED},
    )


def _grouped(accesses: Iterable[Access]) -> Iterator[trace_format.Accesses]:
    def key(one: Access) -> tuple[str, AccessKind, Origin, str]:
        return one.process.argv0, one.kind, one.origin, one.root

    for (argv0, kind, origin, root), group in groupby(sorted(accesses, key=lambda one: (*key(one), one.path)), key):
        accesses_of_group = list(group)
        paths = tuple(one.path for one in accesses_of_group)
        yield trace_format.Accesses(
            argv0[: trace_format.MAX_NAME], accesses_of_group[0].process.pid, kind, origin, root, paths
        )


def save(file: str | Path, text: str) -> None:
    """Write a trace file; a new file is readable by its owner only. SlimError when it cannot be written."""
    try:
        output_file.write(str(file), text.encode("ascii"), mode=0o600)
    except OSError as error:
        raise SlimError(f"cannot write {file}: {error.strerror}", hint="--output FILE") from error


def load(name: str) -> tuple[Trace, ...]:
    """Return the runs of a trace file; SlimError when it is no trace, of a newer version, or damaged."""
    try:
        with open(0 if name == "-" else name, "rb", closefd=name != "-") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SlimError(f"cannot read {name}: {error.strerror}", hint=_ADVICE) from error
    if len(text) > MAX_BYTES:
        raise SlimError(f"cannot read {name}: it is larger than {MAX_BYTES >> 20} MB", hint=_ADVICE)
    try:
        file_ = trace_format.read(text)
    except Malformed as error:
        what = f"it is damaged: {error}" if error.place else str(error)
        raise SlimError(f"cannot read {name}: {what}", hint=_ADVICE) from error
    return tuple(_trace(file_.Source.ID, run) for run in file_.Runs)


def _trace(source_id: str, run: trace_format.Run) -> Trace:
    accesses = tuple(
        Access(path, group.Kind, group.Origin, process, group.Root)
        for group in run.Accesses
        for process in (Process(group.PID, group.Process),)
        for path in group.Paths
    )
    return Trace(
        source_id=source_id,
        exercise=run.Exercise,
        observations=Observations(accesses=accesses, **{name: getattr(run, name.capitalize()) for name in _OBSERVED}),
    )
