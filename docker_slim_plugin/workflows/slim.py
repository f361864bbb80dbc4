"""Implement `docker slim run` and `build`: observe or load traces, resolve, write, verify and repair slim images."""

from __future__ import annotations

import os
from dataclasses import replace

from docker_slim_plugin.engine.secrets import MaskingProgress, masked_errors, secrets_of
from docker_slim_plugin.errors import SlimError, VerificationFailed
from docker_slim_plugin.image import file_outputs
from docker_slim_plugin.model.request import CONFINED, Exercise, Request, Restrictions
from docker_slim_plugin.observe.trace import Trace, merge_observations
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.report.record import Report
from docker_slim_plugin.report.saving import make_report_path, save_or_warn
from docker_slim_plugin.resolve.first_accesses import make_run_log
from docker_slim_plugin.verify.check import limit_sentences
from docker_slim_plugin.verify.replay import Replay
from docker_slim_plugin.workflows.steps.confine import plan_confinement
from docker_slim_plugin.workflows.steps.documents import check_documents, check_findings
from docker_slim_plugin.workflows.steps.gates import check_inputs, find_failed_gates, write_junit, write_junit_error
from docker_slim_plugin.workflows.steps.given_traces import docker_options_of, load_traces, warn_of_other_image
from docker_slim_plugin.workflows.steps.job import Job, make_run_plan, open_job
from docker_slim_plugin.workflows.steps.observe_runs import differing_run_warnings, observe_runs
from docker_slim_plugin.workflows.steps.other_starts import observe_other_starts
from docker_slim_plugin.workflows.steps.write_and_verify import write_verified_images
from docker_slim_plugin.workflows.steps.write_profile import Target, check_target, write_profile


def slim(request: Request, progress: Progress) -> Report:
    """Do what `make_slim_images` does. What stops it before there is a report is in the file of --junit as well."""
    try:
        return make_slim_images(request, progress)
    except VerificationFailed:
        raise
    except SlimError as error:
        write_junit_error(request, error)
        raise


def make_slim_images(request: Request, progress: Progress) -> Report:
    """Write slim images of `request.image`, verify them, and return the report."""
    file_outputs.check_outputs(request.outputs)
    check_documents(request.outputs)
    if request.profile:
        check_target(request, request.profile, force=request.force)
        request = replace(request, tracer="syscall", record_calls=True)
    given = load_traces(request, progress)
    secrets = secrets_of(tuple(docker_options_of(request, given)), os.environ)
    with masked_errors(secrets), open_job(request, MaskingProgress(progress, secrets)) as job:
        baseline = check_inputs(job)
        check_findings(job)
        # A client that only our questions need is nothing that the run showed.
        clients = request.selection.level != "exact"
        traces = warn_of_other_image(job, given) if request.traces else observe_runs(job, clients=clients)
        if not request.traces and clients:
            traces += observe_other_starts(job, traces[0])
        with job.clock.step("resolve"):
            rootfs, notes = job.tree.wait()
            observations = merge_observations(traces)
            plan = job.make_plan(rootfs, observations)
        report = Report(
            source=job.tree.measured(),
            observations=observations,
            plan=plan,
            warnings=(*observations.warnings, *differing_run_warnings(job, traces), *notes, *plan.warnings),
            notes=plan.notes,
            run_log=make_run_log(rootfs, observations),
            command=request.line,
            file=str(make_report_path(job.source.reference, os.environ)),
        )
        replays = make_replays(job, traces)
        if not replays and request.verify:
            note = "the slim images were not run: the traces are of containers that somebody else had started"
            report = replace(report, warnings=(*report.warnings, note))
        if CONFINED in request.outputs:
            # Before anything is written. The image has rules of its own if files or rules are repaired.
            report = replace(report, confinement=plan_confinement(job, observations, rootfs, plan))
        if not request.dry_run:
            report = write_verified_images(job, report, rootfs, replays)
        report = replace(report, failed_gates=find_failed_gates(job, report, baseline))
        failure = None
        if request.profile and report.passed:
            report, failure = with_profile(job, report)
        report = replace(report, seconds=job.clock.seconds(), phases=tuple(job.clock.phases)).redact(secrets)
        existing = job.engine.image_ids()
    report = save_or_warn(report, existing, progress)
    write_junit(request, report)
    if not report.passed:
        for warning in dict.fromkeys(report.warnings):
            progress.warn(warning)
        raise_failed(report)
    if failure:
        raise failure
    return report


def with_profile(job: Job, report: Report) -> tuple[Report, SlimError | None]:
    """Write the profile of the first slim image. Returns the report with its folder, or the reason that there is none.

    The images are written and verified already: the report on them is kept in any case.
    """
    image, folder = report.images[0], job.request.profile
    target = Target(reference=image.reference, image=image.id, folder=folder, force=job.request.force)
    try:
        profile = write_profile(job, Restrictions(), target, report.observations)
    except SlimError as error:
        return report, error
    return replace(
        report, outputs=(*report.outputs, profile.folder), warnings=(*report.warnings, *profile.warnings)
    ), None


def make_replays(job: Job, traces: tuple[Trace, ...]) -> tuple[Replay, ...]:
    """Return one replay for each distinct exercise of the traces. Each one is repeated with the slim images."""
    first_traces = {repr(one.exercise): one for one in reversed(traces) if one.exercise}
    return tuple(
        Replay(
            job.engine,
            job.source,
            make_run_plan(job.source, with_own_services(one.exercise, job.request), job.sandbox),
            one.observations.result,
        )
        for one in reversed(first_traces.values())
        if one.exercise
    )


def with_own_services(exercise: Exercise, request: Request) -> Exercise:
    """Return an exercise with the request's catalogues and permissions: a trace may come from anywhere."""
    return replace(exercise, service=request.service, allow_writes=request.allow_writes, run_cron=request.run_cron)


def raise_failed(report: Report) -> None:
    """Raise VerificationFailed with the differences of the first image that failed."""
    failed = next(verdict for verdict in report.verdicts if not verdict.passed)
    what = "\n    ".join(limit_sentences(failed.differences))
    raise VerificationFailed(
        f"verification of the {failed.form} image failed, so it was not tagged:\n    {what}",
        hint="--keep, --exec and --http reach what the run missed"
        + (f"; all details: {report.file}" if report.file else ""),
    )
