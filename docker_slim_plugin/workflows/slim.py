"""`run` and `build`: observe the app or load traces, resolve, write slim images, verify them, repair them."""

from __future__ import annotations

import os
from dataclasses import replace

from docker_slim_plugin.engine.secrets import MaskingProgress, masked_errors, secrets_of
from docker_slim_plugin.errors import VerificationFailed
from docker_slim_plugin.image import file_outputs
from docker_slim_plugin.model.request import Request
from docker_slim_plugin.observe.trace import Trace, merge_observations
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.report.record import Report, keep, report_file
from docker_slim_plugin.verify.check import shortened
from docker_slim_plugin.verify.replay import Replay
from docker_slim_plugin.workflows.steps.given_traces import given_options, loaded, of_this_image
from docker_slim_plugin.workflows.steps.job import Job, drive_of, opened
from docker_slim_plugin.workflows.steps.observe_runs import observed, unlike
from docker_slim_plugin.workflows.steps.write_and_verify import prove


def slim(request: Request, progress: Progress) -> Report:
    """Write slim images of `request.image`, try each, and return what was seen, kept and proved."""
    file_outputs.check(request.outputs)
    given = loaded(request, progress)
    secrets = secrets_of(tuple(given_options(request, given)), os.environ)
    with masked_errors(secrets), opened(request, MaskingProgress(progress, secrets)) as job:
        traces = of_this_image(job, given) if request.traces else observed(job)
        with job.clock.step("resolve"):
            rootfs, notes = job.tree.wait()
            observations = merge_observations(traces)
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


def replays(job: Job, traces: tuple[Trace, ...]) -> tuple[Replay, ...]:
    """Return the different ways in which the traces were made: each is to be gone again with the slim images."""
    firsts = {repr(one.exercise): one for one in reversed(traces) if one.exercise}
    return tuple(
        Replay(job.engine, job.source, drive_of(job.source, one.exercise, job.sandbox), one.observations.result)
        for one in reversed(firsts.values())
        if one.exercise
    )


def refuse(report: Report) -> None:
    """Raise VerificationFailed with what differs."""
    failed = next(verdict for verdict in report.verdicts if not verdict.passed)
    what = "\n    ".join(shortened(failed.differences))
    raise VerificationFailed(
        f"cannot vouch for the {failed.form} image, so it was not named:\n    {what}",
        hint="--keep, --exec and --http reach what the run missed"
        + (f"; all details: {report.file}" if report.file else ""),
    )
