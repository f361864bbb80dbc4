"""The main job on one screen: observe the app, resolve what it needs, write slim images, prove them, repair them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

from docker_slim_plugin import trust
from docker_slim_plugin.engine import Engine
from docker_slim_plugin.errors import SlimError, VerificationFailed
from docker_slim_plugin.image import files
from docker_slim_plugin.job import Job, drive_of, opened
from docker_slim_plugin.judge import judge
from docker_slim_plugin.model import Observations
from docker_slim_plugin.observe.attached import observe_running
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.prove import prove
from docker_slim_plugin.redact import Discreet, filled, hiding, secrets_of
from docker_slim_plugin.replay import Replay
from docker_slim_plugin.report import Report, keep, report_file
from docker_slim_plugin.request import Request
from docker_slim_plugin.trace import Trace, differing, dumps, load, of_the_image, united
from docker_slim_plugin.verify import shortened


def slim(request: Request, progress: Progress) -> Report:
    """Write slim images of `request.image`, try each, and return what was seen, kept and proved."""
    files.check(request.outputs)
    given = loaded(request, progress)
    secrets = secrets_of(tuple(given_options(request, given)), os.environ)
    with hiding(secrets), opened(request, Discreet(progress, secrets)) as job:
        traces = of_this_image(job, given) if request.traces else observed(job)
        with job.clock.step("resolve"):
            rootfs, notes = job.tree.wait()
            observations = united(traces)
            plan = job.planned(rootfs, observations)
        report = Report(
            source=job.tree.measured(),
            observations=observations,
            plan=plan,
            warnings=(*observations.warnings, *unlike(job, traces), *notes, *plan.warnings),
            notes=plan.notes,
            file=str(report_file(job.source.reference, os.environ)),
        )
        ways = replays(job, traces)
        if not ways and request.verify:
            note = "the slim images were not run: the traces are of containers that somebody else had started"
            report = replace(report, warnings=(*report.warnings, note))
        if not request.dry_run:
            report = prove(job, report, rootfs, ways)
        report = replace(report, seconds=job.clock.seconds(), phases=tuple(job.clock.phases)).discreet(secrets)
    report = keep(report, progress)
    if not report.passed:
        for warning in dict.fromkeys(report.warnings):
            progress.warn(warning)
        refuse(report)
    return report


def trace(request: Request, progress: Progress) -> tuple[str, tuple[Trace, ...]]:
    """Observe `request.image`, write nothing; return the text of a trace file, and what is in it."""
    secrets = secrets_of(request.docker_options, os.environ)
    with hiding(secrets), opened(request, Discreet(progress, secrets)) as job:
        traces = observed(job)
        rootfs, _ = job.tree.wait()
        small = tuple(replace(one, observations=of_the_image(rootfs, one.observations)) for one in traces)
        return dumps(job.source, small), traces


def attach(container: str, request: Request, progress: Progress) -> tuple[str, str, tuple[Trace, ...]]:
    """Observe a container that runs already, as it is; return a trace file's text, its image, and what is in it."""
    found = Engine.connect(request.global_options).existing(container)
    image = str(found.attributes()["Image"])
    with opened(replace(request, image=image, force=True), progress) as job:
        probes = replace(drive_of(job.source, request.exercise(), job.sandbox).probes, crawl=False, healthcheck=None)
        with job.clock.step("observe", times=2):
            seen = observe_running(
                found,
                probes,
                until=request.until,
                timeout=request.timeout,
                tracer=request.tracer,
                watch=request.watch,
                progress=progress,
            )
        rootfs, _ = job.tree.wait()
        small = of_the_image(rootfs, replace(seen, warnings=(*seen.warnings, *lost(seen))))
        one = Trace(source_id=job.source.id, exercise=None, observations=small)
        named = str(found.attributes()["Config"]["Image"])
        return dumps(replace(job.source, reference=named), (one,)), named, (one,)


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
        said = (*drive.launch.warnings, *lost(seen), *judge(job.source, exercise, seen))
        seen = replace(seen, warnings=(*seen.warnings, *said))
        traces.append(Trace(source_id=job.source.id, exercise=exercise, observations=seen))
    return tuple(traces)


def loaded(request: Request, progress: Progress) -> tuple[tuple[str, Trace], ...]:
    """Return the traces of the files that the request names, each with its file's; what they may do is settled."""
    traces = tuple((name, one) for name in request.traces for one in load(name))
    if request.traces and not traces:
        raise SlimError("cannot build from traces without a run", hint="docker slim trace --output FILE IMAGE")
    if not traces or not request.verify or request.dry_run:
        return traces
    given = {**os.environ, **dict(one.split("=", 1) for one in request.environment)}
    traces = tuple((name, replace(one, exercise=one.exercise and filled(one.exercise, given))) for name, one in traces)
    exercises = tuple(one.exercise for _, one in traces if one.exercise)
    with hiding(secrets := secrets_of((option for one in exercises for option in one.docker_options), {})):
        for act in trust.require(exercises, allowed=request.host_exec, trusted=request.trust):
            progress.warn(f"as a trace says: {secrets.hidden_command(act)}")
    return traces


def given_options(request: Request, given: tuple[tuple[str, Trace], ...]) -> Iterator[str]:
    """Yield docker's options of the request and of the traces."""
    yield from request.docker_options
    for _, one in given:
        yield from one.exercise.docker_options if one.exercise else ()


def of_this_image(job: Job, given: tuple[tuple[str, Trace], ...]) -> tuple[Trace, ...]:
    """Return the traces, with a warning in those that another image has shown."""
    return tuple(_of_this_image(job, name, one) for name, one in given)


def _of_this_image(job: Job, name: str, one: Trace) -> Trace:
    if one.source_id == job.source.id:
        return one
    note = f"{name} was made with another image ({one.source_id[:19]}): what it names may have moved"
    warnings = (*one.observations.warnings, note)
    return replace(one, observations=replace(one.observations, warnings=warnings))


def unlike(job: Job, traces: tuple[Trace, ...]) -> tuple[str, ...]:
    """Return a warning when runs that were started alike have not named the same files."""
    if job.request.traces or len(traces) < 2:
        return ()
    names = differing(job.tree.wait()[0], traces)
    shown = ", ".join(map(repr, names[:5])) + (" ..." if len(names) > 5 else "")
    return (f"{len(names)} files were named in some of the {len(traces)} runs only: {shown}",) if names else ()


def replays(job: Job, traces: tuple[Trace, ...]) -> tuple[Replay, ...]:
    """Return the different ways in which the traces were made: each is to be gone again with the slim images."""
    firsts = {repr(one.exercise): one for one in reversed(traces) if one.exercise}
    return tuple(
        Replay(job.engine, job.source, drive_of(job.source, one.exercise, job.sandbox), one.observations.result)
        for one in reversed(firsts.values())
        if one.exercise
    )


def lost(observations: Observations) -> tuple[str, ...]:
    if observations.complete:
        return ()
    return (f"{observations.lost} events were lost: the trace is not complete",)


def refuse(report: Report) -> None:
    """Raise VerificationFailed with what differs."""
    failed = next(verdict for verdict in report.verdicts if not verdict.passed)
    what = "\n    ".join(shortened(failed.differences))
    raise VerificationFailed(
        f"cannot vouch for the {failed.form} image, so it was not named:\n    {what}",
        hint="--keep, --exec and --http reach what the run missed"
        + (f"; all details: {report.file}" if report.file else ""),
    )
