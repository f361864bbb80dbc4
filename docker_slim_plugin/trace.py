"""What one traced run was and what it showed; and the file that keeps it.

A trace file is JSON, documented in docs/trace-format.md: the image's id, and one or more runs. Files of the same image
are merged by building from all of them. Only what the image has is in it, so it is small; and it is written for its
owner alone, as the options of a run may hold secrets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from docker_slim_plugin import __version__, outfile
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model import (
    Access,
    AccessKind,
    Observations,
    Origin,
    ProbeResult,
    Process,
    RunResult,
    SourceImage,
)
from docker_slim_plugin.request import Exercise
from docker_slim_plugin.rootfs import Rootfs

FORMAT = "docker-slim-trace"
SCHEMA_VERSION = 1
MAX_BYTES = 256 << 20
_ADVICE = "docker slim trace --output FILE IMAGE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One traced run."""

    source_id: str
    """sha256:... of the image that ran."""
    exercise: Exercise | None
    """None: the container was somebody else's, and nobody can start it again."""
    observations: Observations


def united(traces: Sequence[Trace]) -> Observations:
    """Return what all runs showed together; the result is the first run's."""
    first = traces[0].observations
    accesses: dict[tuple[str, AccessKind, Origin, str, str], Access] = {}
    for trace in traces:
        for access in trace.observations.accesses:
            key = (access.path, access.kind, access.origin, access.process.argv0, access.root)
            accesses.setdefault(key, access)
    return replace(
        first,
        accesses=tuple(accesses.values()),
        lost=sum(trace.observations.lost for trace in traces),
        events=sum(trace.observations.events for trace in traces),
        warnings=tuple(dict.fromkeys(text for trace in traces for text in trace.observations.warnings)),
    )


def of_the_image(rootfs: Rootfs, observations: Observations) -> Observations:
    """Return the observations without accesses to what the image does not have: those say nothing about it."""

    def leads(access: Access) -> bool:
        links, end = rootfs.walk(access.path, root=access.root)
        return end is not None or bool(links)

    return replace(observations, accesses=tuple(filter(leads, observations.accesses)))


def differing(rootfs: Rootfs, traces: Sequence[Trace]) -> tuple[str, ...]:
    """Return the files of the image that some of the traces name, and others do not; sorted."""
    named = [
        {end for access in trace.observations.accesses if (end := rootfs.walk(access.path, root=access.root).end)}
        for trace in traces
    ]
    return tuple(sorted(set().union(*named) - named[0].intersection(*named))) if named else ()


def dumps(source: SourceImage, traces: Sequence[Trace]) -> str:
    """Return the text of a trace file."""
    document = {
        "Format": FORMAT,
        "SchemaVersion": SCHEMA_VERSION,
        "Version": __version__,
        "Source": {"Reference": source.reference, "ID": source.id},
        "Runs": [_run(trace) for trace in traces],
    }
    # ASCII: lone surrogates (names that are not UTF-8) stay \udcXX escapes.
    return json.dumps(document, separators=(",", ":"), sort_keys=True) + "\n"


def _run(trace: Trace) -> dict[str, Any]:
    seen = trace.observations
    return {
        "Exercise": asdict(trace.exercise) if trace.exercise else None,
        "Result": asdict(seen.result),
        "Mode": seen.mode,
        "Watch": seen.watch,
        "Events": seen.events,
        "Lost": seen.lost,
        "Warnings": list(seen.warnings),
        "Accesses": _grouped(seen.accesses),
    }


def _grouped(accesses: Iterable[Access]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    for access in sorted(accesses, key=lambda one: (one.process.argv0, one.kind, one.origin, one.root, one.path)):
        key = (access.process.argv0, access.kind, access.origin, access.root)
        names = {"Process": key[0], "PID": access.process.pid, "Kind": key[1], "Origin": key[2], "Root": key[3]}
        groups.setdefault(key, {**names, "Paths": []})["Paths"].append(access.path)
    return list(groups.values())


def save(name: str, text: str) -> None:
    """Write a trace file, a new one readable by its owner alone; SlimError when it cannot be."""
    try:
        outfile.write(name, text.encode("ascii"), mode=0o600)
    except OSError as error:
        raise SlimError(f"cannot write {name}: {error.strerror}", hint="--output FILE") from error


def load(name: str) -> tuple[Trace, ...]:
    """Return the runs of a trace file; SlimError when it is none, or a newer one."""
    try:
        with open(0 if name == "-" else name, "rb", closefd=name != "-") as file:
            document = json.loads(file.read(MAX_BYTES))
    except OSError as error:
        raise SlimError(
            f"cannot read {name}: {error.strerror}", hint="docker slim trace --output FILE IMAGE"
        ) from error
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("Format") != FORMAT:
        raise SlimError(f"cannot read {name}: it is not a trace", hint=_ADVICE)
    if document.get("SchemaVersion") != SCHEMA_VERSION:
        raise SlimError(
            f"cannot read {name}: it is of version {document.get('SchemaVersion')!r}, not {SCHEMA_VERSION}",
            hint="trace the image again with this docker slim",
        )
    try:
        return tuple(_trace(str(document["Source"]["ID"]), run) for run in document["Runs"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SlimError(f"cannot read {name}: it is damaged ({error})", hint="trace the image again") from error


def _trace(source_id: str, run: Mapping[str, Any]) -> Trace:
    exercise = run["Exercise"]
    result = _record(run["Result"], RunResult)
    result["probes"] = tuple(ProbeResult(**_record(probe, ProbeResult)) for probe in result["probes"])
    accesses = tuple(
        Access(
            path=str(path),
            kind=AccessKind(group["Kind"]),
            origin=Origin(group["Origin"]),
            process=Process(int(group["PID"]), str(group["Process"])),
            root=str(group["Root"]),
        )
        for group in run["Accesses"]
        for path in group["Paths"]
    )
    return Trace(
        source_id=source_id,
        exercise=Exercise(**_record(exercise, Exercise)) if exercise else None,
        observations=Observations(
            accesses=accesses,
            result=RunResult(**result),
            lost=int(run["Lost"]),
            events=int(run["Events"]),
            warnings=tuple(map(str, run["Warnings"])),
            mode=str(run["Mode"]),
            watch=str(run["Watch"]),
        ),
    )


def _record(values: Mapping[str, Any], kind: Any) -> dict[str, Any]:
    """Return the values of a record's fields, lists as tuples; unknown names are an error."""
    unknown = set(values) - {field.name for field in fields(kind)}
    if unknown:
        raise ValueError(f"{min(unknown)!r} is not known")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
