"""Implement `docker slim diff`: what a slim image keeps and leaves out, or how two slim images differ."""

from __future__ import annotations

import os
from dataclasses import dataclass

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.report_requests import DiffRequest
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.report.changes import Change, compare_images, compare_with_source
from docker_slim_plugin.workflows.steps.stored_report import find_report, open_source, read_source_files


@dataclass(frozen=True, slots=True)
class Difference:
    """The result."""

    before: str
    """The source, or the first slim image."""
    after: str
    """The slim image, or the second one."""
    changes: tuple[Change, ...]
    """Sorted by path."""


def diff(request: DiffRequest, progress: Progress) -> Difference:
    """Compare a slim image with its source, or with `request.other`."""
    engine, report, _ = find_report(request.image, request.report, request.global_options)
    if request.other:
        _, other, _ = find_report(request.other, "", request.global_options)
        return Difference(request.image, request.other, tuple(compare_images(report.Files, other.Files)))
    source = engine.find(report.Source.ID) if engine else None
    if engine is None or source is None:
        raise SlimError(
            f"cannot compare {request.image} with its source: {report.Source.Reference} is not here as it was then",
            hint=f"docker slim diff {request.image} OTHER compares it with another slim image",
        )
    if os.geteuid() != 0:
        raise SlimError("cannot read an image's files without root", hint="sudo docker slim diff ...")
    with open_source(engine, source, progress) as job:
        files = read_source_files(job)
    changes = sorted(compare_with_source(report.Files, files), key=lambda change: change.path)
    return Difference(report.Source.Reference, request.image, tuple(changes))
