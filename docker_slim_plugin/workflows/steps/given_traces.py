"""Load traces from files, and settle what they may do on this host before anything is done."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

from docker_slim_plugin.engine.secrets import fill_values, masked_errors, secrets_of
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.request import Request
from docker_slim_plugin.observe import trace_trust
from docker_slim_plugin.observe.trace import Trace, load
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.workflows.steps.job import Job


def load_traces(request: Request, progress: Progress) -> tuple[tuple[str, Trace], ...]:
    """Return the traces of the requested files, each with the name of its file.

    Raises SlimError if they have commands for this host that the user did not allow.
    """
    traces = tuple((name, one) for name in request.traces for one in load(name))
    if request.traces and not traces:
        raise SlimError("cannot build: the trace files contain no run", hint="docker slim trace --output FILE IMAGE")
    if not traces or not request.verify or request.dry_run:
        return traces
    given = {**os.environ, **dict(one.split("=", 1) for one in request.environment)}
    traces = tuple(
        (name, replace(one, exercise=one.exercise and fill_values(one.exercise, given))) for name, one in traces
    )
    exercises = tuple(one.exercise for _, one in traces if one.exercise)
    with masked_errors(secrets := secrets_of((option for one in exercises for option in one.docker_options), {})):
        for act in trace_trust.check_trust(exercises, allowed=request.host_exec, trusted=request.trust):
            progress.warn(f"from a trace: {secrets.mask_command(act)}")
    return traces


def docker_options_of(request: Request, given: tuple[tuple[str, Trace], ...]) -> Iterator[str]:
    """Yield the docker options of the request and of the traces."""
    yield from request.docker_options
    for _, one in given:
        yield from one.exercise.docker_options if one.exercise else ()


def warn_of_other_image(job: Job, given: tuple[tuple[str, Trace], ...]) -> tuple[Trace, ...]:
    """Return the traces. Those of another image get a warning."""
    return tuple(_warn_of_other_image(job, name, one) for name, one in given)


def _warn_of_other_image(job: Job, name: str, one: Trace) -> Trace:
    if one.source_id == job.source.id:
        return one
    note = f"{name} was made with another image ({one.source_id[:19]}): what it names may have moved"
    warnings = (*one.observations.warnings, note)
    return replace(one, observations=replace(one.observations, warnings=warnings))
