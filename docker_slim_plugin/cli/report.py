"""`docker slim report`: the stored report of a slim image, as text, JSON or a page."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

from docker_slim_plugin.cli import options, outcome, screen, template, values
from docker_slim_plugin.cli.declare import Given, Option, command
from docker_slim_plugin.cli.diff import sum_document
from docker_slim_plugin.cli.session import Work
from docker_slim_plugin.cli.text import command_line, printable, seconds, size, table
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import output_file
from docker_slim_plugin.model.observation import ProbeResult
from docker_slim_plugin.model.plan import RulePrice
from docker_slim_plugin.model.report_requests import ReportRequest

if TYPE_CHECKING:
    from docker_slim_plugin.report.stored import StoredReport
    from docker_slim_plugin.workflows.report import FoundReport

MAX_COMMAND = 10_000
"""Characters of the command line that are shown."""
Html = Annotated[
    str,
    Option("--html", 'Write one page with everything to this file; "-" is standard output.', "FILE", read=values.page),
]


@command("report", usage="[OPTIONS] IMAGE", short="Show the report of a slim image again, or write it as a page")
def report_of(
    given: Given,
    image: options.SlimImage,
    html: Html = "",
    report: options.StoredReport = "",
    form: options.Format = "table",
) -> Work:
    """Show the stored report of a slim image: its summary, all of it as JSON, or one page for a browser.

    The page needs no network and no other file. It shows what is kept and left out of the source, as a treemap and as
    tables, what each process used, when, the probes, and the command that made the image. Nothing is run.

    \b
    docker slim report nginx:latest-slim
    docker slim report --html nginx.html nginx:latest-slim
    docker slim report --format json nginx:latest-slim
    """  # noqa: D301
    request = ReportRequest(
        image=image,
        report=report,
        wants_sums=bool(html) or form != template.TABLE,
        global_options=given.session.global_options,
    )
    return lambda: _report(request, html, form)


def _report(request: ReportRequest, html: str, form: str) -> int:
    from docker_slim_plugin.workflows.report import find  # noqa: PLC0415 (the SDK: not for --help)

    if html:
        from docker_slim_plugin.cli.page.render import require_library  # noqa: PLC0415 (only where it is used)

        require_library()
    with screen.Screen(screen.Shown(quiet=True)) as progress:
        found = find(request, progress)
    is_table = form == template.TABLE
    text = "\n".join(_lines(found)) if is_table else template.shown(form, _document(found))
    if html:
        written = _write(found, html)
        text += "" if not is_table or html == outcome.STDOUT else f"\nwrote {printable(html)}: {size(written)}"
    print(text, file=sys.stderr if html == outcome.STDOUT else sys.stdout)
    return 0


def _write(found: FoundReport, html: str) -> int:
    """Write the page and return its size in bytes."""
    from docker_slim_plugin.cli.page.render import render  # noqa: PLC0415

    page = render(found).encode()
    if html == outcome.STDOUT:
        sys.stdout.buffer.write(page)
        return len(page)
    try:
        output_file.write(html, page)
    except OSError as error:
        raise SlimError(f"cannot write {html}: {error.strerror}", hint="--html FILE") from error
    return len(page)


def _lines(found: FoundReport) -> list[str]:
    """Return the summary that the run has printed, as far as the report has it."""
    report = found.report
    rows = [("IMAGE", "ID", "SIZE", "LAYERS", "FORM")]
    source = report.Source
    rows.append(
        (printable(source.Reference), outcome.short(source.ID), size(source.Size), str(source.Layers), "source")
    )
    rows += [
        (printable(one.Reference), outcome.short(one.ID), size(one.Size), str(len(one.Layers)), printable(one.Form))
        for one in report.Images
    ]
    lines = [table(rows), "", _summary(report)]
    prices = [RulePrice(one.Name, one.Summary, one.Files, one.Bytes) for one in report.Kept.Rules]
    lines += [] if report.level == "exact" else outcome.rules(prices)
    if report.Observed.is_of_run:
        probes = [
            ProbeResult(kind=one.Kind, target=one.Target, ok=one.OK, status=one.Status, detail=one.Detail)
            for one in report.Observed.Probes
        ]
        lines.append(outcome.asked(probes, report.Observed.ExitStatus))
    lines += _verified(report)
    lines += [f"warning: {printable(one)}" for one in report.Warnings]
    lines += [f"a gate failed: {printable(one)}" for one in report.FailedGates]
    lines += [f"note: {printable(one)}" for one in report.Notes]
    lines += [f"made by: {command_line(report.Command)[:MAX_COMMAND]}"] if report.Command else []
    return [*lines, f"report: {printable(found.file)}"]


def _summary(report: StoredReport) -> str:
    smallest = min((one.Size for one in report.Images), default=report.Kept.Bytes)
    less = f"{size(smallest)} of {size(report.Source.Size)}, {1 - smallest / max(report.Source.Size, 1):.1%} less"
    return f"kept {report.Kept.Files:,} of {report.Source.Files:,} files; {less}; {seconds(report.Seconds)}"


def _verified(report: StoredReport) -> list[str]:
    if not report.Verified:
        return ["verified: nothing"] if report.Images else []
    passed = [one.Form for one in report.Verified if one.Passed]
    lines = [outcome.verified(passed, has_answers=report.Observed.is_of_run)] if passed else []
    for one in report.Verified:
        lines += [f"failed: {printable(one.Form)}: {printable(difference)}" for difference in one.Differences]
    return lines


def _document(found: FoundReport) -> dict[str, Any]:
    """Return what the run has printed with --format json, and the sums of what is kept and left out."""
    from docker_slim_plugin.report import changes, stored  # noqa: PLC0415

    rows = {by.capitalize(): changes.sums(found.changes, by) for by in changes.GROUPINGS}
    return {
        **stored.load_document(found.file),
        "Report": os.path.abspath(found.file),
        "Sums": {
            "SourceRead": not found.unread,
            **{name: [sum_document(one) for one in listed] for name, listed in rows.items()},
        },
    }
