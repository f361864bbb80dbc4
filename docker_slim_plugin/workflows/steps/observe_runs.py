"""Run the app as often as was asked for, and keep what each run showed."""

from __future__ import annotations

from dataclasses import replace

from docker_slim_plugin.model.observation import Observations
from docker_slim_plugin.observe.run_checks import check_run
from docker_slim_plugin.observe.trace import Trace, differing_files
from docker_slim_plugin.workflows.steps.job import Job, drive_of


def observed(job: Job) -> tuple[Trace, ...]:
    """Run the app as often as was asked for, and return what each run showed."""
    request = job.request
    exercise = request.exercise()
    drive = drive_of(job.source, exercise, job.sandbox)
    traces = []
    for number in range(1, request.runs + 1):
        name = "observe" if request.runs == 1 else f"observe, run {number} of {request.runs}"
        # Three ways of tracing, each with a second start.
        with job.clock.step(name, times=6):
            seen = job.observer.observe(job.source.id, drive)
        said = (*drive.launch.warnings, *lost(seen), *check_run(job.source, exercise, seen))
        seen = replace(seen, warnings=(*seen.warnings, *said))
        traces.append(Trace(source_id=job.source.id, exercise=exercise, observations=seen))
    return tuple(traces)


def lost(observations: Observations) -> tuple[str, ...]:
    if observations.complete:
        return ()
    return (f"{observations.lost} events were lost: the trace is not complete",)


def unlike(job: Job, traces: tuple[Trace, ...]) -> tuple[str, ...]:
    """Return a warning when runs that were started alike have not named the same files."""
    if job.request.traces or len(traces) < 2:
        return ()
    names = differing_files(job.tree.wait()[0], traces)
    shown = ", ".join(map(repr, names[:5])) + (" ..." if len(names) > 5 else "")
    return (f"{len(names)} files were named in some of the {len(traces)} runs only: {shown}",) if names else ()
