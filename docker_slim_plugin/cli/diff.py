"""`docker slim diff`: what a slim image keeps and leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from docker_slim_plugin.cli import options, screen, template
from docker_slim_plugin.cli.declare import Given, Option, command
from docker_slim_plugin.cli.session import Work
from docker_slim_plugin.cli.text import counted, printable, size, table
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.report_requests import DiffRequest

if TYPE_CHECKING:
    from docker_slim_plugin.report.changes import Change, Sum
    from docker_slim_plugin.workflows.diff import Difference

BY = ("directory", "package", "layer")
ROWS = 25
"""Most rows of the table."""
Other = Annotated[
    str, typer.Argument(metavar="[OTHER]", help="Another slim image. Default: the source.", show_default=False)
]
By = Annotated[str, Option("--by", "What the sums are over.", "directory|package|layer", choices=BY)]
Files = Annotated[bool, Option("--files", "List all files, and not the sums.")]
Traces = Annotated[
    bool, Option("--traces", "IMAGE and OTHER are trace files: tell what the second one names, and the first does not.")
]


@command("diff", usage="[OPTIONS] IMAGE [OTHER]", short="Tell what a slim image keeps, and what it leaves out")
def diff_of(
    given: Given,
    image: options.SlimImage,
    other: Other = "",
    by: By = "directory",
    files: Files = False,
    traces: Traces = False,
    report: options.StoredReport = "",
    form: options.Format = "table",
) -> Work:
    """Tell what a slim image keeps of its source, and what it leaves out; or how two slim images differ.

    Sizes are those of the files, without directories; hard links count once. With --files and --format json each file
    is one line of JSON.

    \b
    docker slim diff nginx:latest-slim
    docker slim diff --by package nginx:latest-slim
    docker slim diff --files nginx:1.26-slim nginx:1.27-slim
    docker slim diff --traces release-1.trace release-2.trace
    """  # noqa: D301
    if traces and (not other or report or files):
        raise UsageError("cannot compare traces", hint="docker slim diff --traces FILE FILE")
    request = DiffRequest(image=image, other=other, report=report, global_options=given.session.global_options)
    return lambda: _traces(request, form) if traces else _diff(request, by, form, files=files)


def _diff(request: DiffRequest, by: str, form: str, *, files: bool) -> int:
    from docker_slim_plugin.workflows.diff import diff  # noqa: PLC0415 (the SDK: not for --help)

    with screen.Screen(screen.Shown(quiet=True)) as progress:
        found = diff(request, progress)
    for line in _file_lines(found, form) if files else _sum_lines(found, by, form):
        print(line)
    return 0


def _traces(request: DiffRequest, form: str) -> int:
    from docker_slim_plugin.workflows.diff_traces import diff_traces  # noqa: PLC0415 (not for --help)

    found = diff_traces(request)
    if form != template.TABLE:
        documents = (
            {"Path": one.path, "State": one.state.value, "Kinds": list(one.kinds), "Programs": list(one.programs)}
            for one in found
        )
        lines = [template.shown(form, document) for document in documents]
    elif found:
        rows = [
            (one.state.upper(), printable(one.path), ", ".join(one.kinds), printable(", ".join(one.programs)))
            for one in found
        ]
        lines = [table([("STATE", "PATH", "WHAT", "BY"), *rows])]
    else:
        lines = [f"{printable(request.other)} names the same paths as {printable(request.image)}"]
    for line in lines:
        print(line)
    return 0


def _file_lines(found: Difference, form: str) -> list[str]:
    if form != template.TABLE:
        return [template.shown(form, _file(one)) for one in found.changes]
    if not found.changes:
        return [_same_files(found)]
    return [f"{one.state:9}  {size(max(one.size, one.before)):>7}  {printable(one.path)}" for one in found.changes]


def _same_files(found: Difference) -> str:
    return f"{printable(found.after)} has the same files as {printable(found.before)}"


def _file(one: Change) -> dict[str, Any]:
    return {
        "Path": one.path,
        "State": one.state.value,
        "Size": one.size,
        "Before": one.before,
        "Package": one.package,
        "Group": one.group,
    }


def _sum_lines(found: Difference, by: str, form: str) -> list[str]:
    from docker_slim_plugin.report.changes import State, sums  # noqa: PLC0415

    rows = sums(found.changes, by)
    states = [state for state in State if any(state in row.files for row in rows)]
    if form != template.TABLE:
        document = {"Before": found.before, "After": found.after, "By": by, "Sums": [sum_document(row) for row in rows]}
        return [template.shown(form, document)]
    if not rows:
        return [_same_files(found)]
    heads = [by.upper(), *(word for state in states for word in (state.upper(), "FILES"))]
    cells = [(printable(row.name), *(cell for state in states for cell in _cells(row, state))) for row in rows[:ROWS]]
    total = [("total", *(cell for state in states for cell in _total(rows, state)))]
    more = [f"{counted(len(rows) - ROWS, 'more row')}: --format json has all"] if len(rows) > ROWS else []
    return [
        f"{printable(found.before)} -> {printable(found.after)}",
        table([tuple(heads), *cells, *total]),
        *more,
    ]


def _cells(row: Sum, state: Any) -> tuple[str, str]:
    return (size(row.sizes[state]), f"{row.files[state]:,}") if state in row.files else ("", "")


def _total(rows: list[Sum], state: Any) -> tuple[str, str]:
    return size(sum(row.sizes.get(state, 0) for row in rows)), f"{sum(row.files.get(state, 0) for row in rows):,}"


def sum_document(row: Sum) -> dict[str, Any]:
    """Return a sum as JSON has it."""
    return {
        "Name": row.name,
        "Files": {state.value: number for state, number in row.files.items()},
        "Bytes": {state.value: number for state, number in row.sizes.items()},
    }
