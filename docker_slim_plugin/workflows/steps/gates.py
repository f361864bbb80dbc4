"""Check the user's conditions on the slim images: --fail-over, --fail-if-larger-than, --baseline; write --junit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import output_file
from docker_slim_plugin.model.plan import FilePlan
from docker_slim_plugin.model.request import Request
from docker_slim_plugin.model.sizes import parse_size
from docker_slim_plugin.report import stored
from docker_slim_plugin.report.gates import compare_with_baseline
from docker_slim_plugin.report.junit import error_to_junit, to_junit
from docker_slim_plugin.report.record import Report
from docker_slim_plugin.report.stored import StoredReport
from docker_slim_plugin.workflows.steps.job import Job


def check_inputs(job: Job) -> StoredReport | None:
    """Return the baseline, before anything is run; SlimError when it, or the image to compare with, is not there."""
    request = job.request
    if request.fail_if_larger_than:
        job.engine.image(request.fail_if_larger_than)
    return stored.load(request.baseline) if request.baseline else None


def find_failed_gates(job: Job, report: Report, baseline: StoredReport | None) -> tuple[str, ...]:
    """Return a sentence for each condition that is not met."""
    return (*_size_gates(job, report), *_baseline_gates(report.plan, baseline))


def write_junit(request: Request, report: Report) -> None:
    """Write the results to the file of --junit, if there is one. They are written for a failed run as well."""
    if not request.junit:
        return
    options = ("fail_over", "fail_if_larger_than", "baseline")
    given = [f"--{name.replace('_', '-')} {value}" for name in options if (value := getattr(request, name))]
    _write(request.junit, to_junit(report, given, fail_on_warning=request.fail_on_warning))


def write_junit_error(request: Request, error: SlimError) -> None:
    """Write to the file of --junit, if there is one, why there are no results."""
    if request.junit:
        with suppress(SlimError):
            _write(request.junit, error_to_junit(request.image, str(error)))


def _write(file: str, text: bytes) -> None:
    try:
        output_file.write(file, text)
    except OSError as error:
        raise SlimError(f"cannot write {file}: {error.strerror}", hint="--junit FILE") from error


def _size_gates(job: Job, report: Report) -> Iterator[str]:
    request = job.request
    limits = []
    if request.fail_over:
        limits.append((parse_size(request.fail_over), "--fail-over"))
    if request.fail_if_larger_than:
        limits.append((job.engine.image(request.fail_if_larger_than).size, request.fail_if_larger_than))
    for limit, name in limits:
        for image in report.images:
            if image.size > limit:
                yield f"{image.reference} has {image.size:,} bytes, {name} has {limit:,}"


def _baseline_gates(plan: FilePlan, baseline: StoredReport | None) -> Iterator[str]:
    if baseline is not None:
        yield from compare_with_baseline(plan, baseline)
