"""Run the app as often as requested, and return a trace of each run."""

from __future__ import annotations

from dataclasses import replace

from docker_slim_plugin.host.workspace import workspace
from docker_slim_plugin.model.observation import Observations
from docker_slim_plugin.observe.driver import RunPlan
from docker_slim_plugin.observe.probes.browser import Browser, find_browser
from docker_slim_plugin.observe.probes.net_log import read_net_log
from docker_slim_plugin.observe.run_checks import check_run
from docker_slim_plugin.observe.trace import Trace, differing_files
from docker_slim_plugin.workflows.steps.job import Job, make_run_plan


def observe_runs(job: Job, *, clients: bool = True) -> tuple[Trace, ...]:
    """Run the app as often as requested, and return a trace of each run. `clients` as for `make_run_plan`."""
    request = job.request
    exercise = request.exercise()
    drive = make_run_plan(job.source, exercise, job.sandbox, clients=clients)
    if request.browser != "none":
        with workspace(job.engine.run_id) as directory:
            # The browser's user looks its profile up there.
            directory.chmod(0o711)
            browser = Browser(
                program=find_browser(request.browser),
                directory=directory,
                read=lambda log: job.sandbox.call(read_net_log, log),
            )
            probes = replace(drive.probes, browser=browser)
            return _observe(job, replace(drive, probes=probes))
    return _observe(job, drive)


def _observe(job: Job, drive: RunPlan) -> tuple[Trace, ...]:
    request, exercise = job.request, job.request.exercise()
    traces = []
    for number in range(1, request.runs + 1):
        name = "observe" if request.runs == 1 else f"observe, run {number} of {request.runs}"
        # There are three tracing modes, and each may start the container twice.
        with job.clock.step(name, times=6):
            seen = job.observer.observe(job.source.id, drive)
        warnings = (*drive.launch.warnings, *lost_event_warnings(seen), *check_run(job.source, exercise, seen))
        seen = replace(seen, warnings=(*seen.warnings, *warnings))
        traces.append(Trace(source_id=job.source.id, exercise=exercise, observations=seen))
    return tuple(traces)


def lost_event_warnings(observations: Observations) -> tuple[str, ...]:
    """Return a warning if events were lost."""
    if observations.complete:
        return ()
    return (f"{observations.lost} events were lost: the trace is not complete",)


def differing_run_warnings(job: Job, traces: tuple[Trace, ...]) -> tuple[str, ...]:
    """Return a warning if runs with the same arguments have not named the same files."""
    if job.request.traces or len(traces) < 2:
        return ()
    same = [one for one in traces if one.exercise == traces[0].exercise]
    names = differing_files(job.tree.wait()[0], same) if len(same) > 1 else ()
    shown = ", ".join(map(repr, names[:5])) + (" ..." if len(names) > 5 else "")
    return (f"{len(names)} files were named in some of the {len(same)} runs only: {shown}",) if names else ()
