"""Implement `docker slim report`: the stored report of a slim image, and what became of each path of its source."""

from __future__ import annotations

import os
from dataclasses import dataclass

from docker_slim_plugin.model.report_requests import ReportRequest
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.report.changes import Change, compare_with_source, without_source
from docker_slim_plugin.report.stored import StoredReport
from docker_slim_plugin.workflows.steps.stored_report import find_report, open_source, read_source_files


@dataclass(frozen=True, slots=True)
class FoundReport:
    """The answer about one image."""

    image: str
    file: str
    """File of the report."""
    report: StoredReport
    changes: tuple[Change, ...]
    """Sorted by path; of the kept paths alone if the source was not read."""
    unread: str = ""
    """Why the source was not read; empty if it was."""


def find(request: ReportRequest, progress: Progress) -> FoundReport:
    """Return the report of an image, and with `request.wants_sums` what its source has beside what is kept."""
    engine, report, file = find_report(request.image, request.report, request.global_options)
    source = engine.find(report.Source.ID) if engine and request.wants_sums else None
    unread = _why_unread(report, is_here=source is not None, has_engine=engine is not None)
    if not request.wants_sums or engine is None or source is None or unread:
        changes = list(without_source(report.Files))
    else:
        with open_source(engine, source, progress) as job:
            changes = list(compare_with_source(report.Files, read_source_files(job)))
    changes.sort(key=lambda change: change.path)
    return FoundReport(request.image, file, report, tuple(changes), unread)


def _why_unread(report: StoredReport, *, is_here: bool, has_engine: bool) -> str:
    if not has_engine:
        return "the Docker Engine does not answer"
    if not is_here:
        return f"{report.Source.Reference} is not here as it was then"
    return "that needs root" if os.geteuid() != 0 else ""
