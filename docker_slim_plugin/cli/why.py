"""`docker slim why`: why a path is in a slim image, or why it is not."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from docker_slim_plugin.cli import options, screen, template
from docker_slim_plugin.cli.declare import Given, Option, command
from docker_slim_plugin.cli.session import Work
from docker_slim_plugin.cli.text import printable, size
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.report_requests import WhyRequest

if TYPE_CHECKING:
    from docker_slim_plugin.report.chains import Step
    from docker_slim_plugin.report.stored import StoredProcess, StoredReason
    from docker_slim_plugin.workflows.why import Absent, Explanation, Kept

Paths = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH...", help="Paths in the image, or patterns: '/usr/lib/*/libz*'.", show_default=False),
]
Package = Annotated[list[str] | None, Option("--package", "Explain all files of this package (repeat).", "NAME")]
MAX_OTHERS, MAX_ANCESTORS, MAX_COMMAND = 3, 8, 160
"""Most other reasons of a path, and ancestors of a process, that are shown, and characters of a command line."""


@command("why", usage="[OPTIONS] IMAGE PATH...", short="Tell why a path is in a slim image, or why not")
def why_of(
    given: Given,
    image: options.SlimImage,
    paths: Paths = None,
    package: Package = None,
    report: options.StoredReport = "",
    form: options.Format = "table",
) -> Work:
    """Tell why a path is in a slim image: the chain of reasons, up to what the run showed, a rule or an option.

    For a path that is not in: whether the source has it, whose it is, and which option keeps it at which cost. Nothing
    is run. The status is 1 if the source does not have one of the paths.

    \b
    docker slim why nginx:latest-slim /usr/lib/x86_64-linux-gnu/libz.so.1
    docker slim why nginx:latest-slim '/etc/ssl/*' /usr/bin/curl
    docker slim why nginx:latest-slim --package perl-base --format json
    """  # noqa: D301
    if not paths and not package:
        raise UsageError("cannot explain nothing", hint="docker slim why IMAGE PATH..., or --package NAME")
    for path in paths or ():
        if not path.startswith(("/", "*", "?", "[")):
            raise UsageError(f"cannot explain {path!r}: a path in an image begins with /", hint=f"/{path}")
    request = WhyRequest(
        image=image,
        paths=tuple(paths or ()),
        packages=tuple(package or ()),
        report=report,
        global_options=given.session.global_options,
    )
    return lambda: _why(request, form)


def _why(request: WhyRequest, form: str) -> int:
    from docker_slim_plugin.workflows.why import why  # noqa: PLC0415 (the SDK: not for --help)

    with screen.Screen(screen.Shown(quiet=True)) as progress:
        found = why(request, progress)
    print(template.shown(form, _document(found)) if form != template.TABLE else "\n".join(_lines(found)))
    return 1 if any(one.is_known and not one.source_path for one in found.absent) else 0


def _lines(found: Explanation) -> list[str]:
    lines: list[str] = []
    for kept in found.kept:
        lines += [*_kept(kept), ""]
    for absent in found.absent:
        lines += [*_absent(absent, found), ""]
    return [*lines, f"report: {printable(found.report)}"]


def _kept(one: Kept) -> list[str]:
    entry = one.entry
    about = [size(entry.Size) if entry.Kind == "file" else entry.Kind, f"layer {entry.Group}"]
    about += [f"package {entry.Package}"] if entry.Package else []
    lines = [printable(f"{entry.Path} ({', '.join(about)})")]
    lines += [f"{'  ' * (depth + 1)}{printable(step.sentence())}" for depth, step in enumerate(one.chain)]
    indent = "  " * (len(one.chain) + 1)
    for depth, process in enumerate(one.ancestry[:MAX_ANCESTORS]):
        lines.append(f"{indent}{'started by' if depth else 'process'} {printable(_command_line(process))}")
    if one.others:
        others = [printable(_also(entry.Path, reason)) for reason in one.others[:MAX_OTHERS]]
        more = f" and {len(one.others) - MAX_OTHERS} more" if len(one.others) > MAX_OTHERS else ""
        lines.append(f"  also: {'; '.join(others)}{more}")
    return lines


def _command_line(process: StoredProcess) -> str:
    line = shlex.join(process.Arguments)
    return line if len(line) <= MAX_COMMAND else f"{line[: MAX_COMMAND - 3]}..."


def _also(path: str, reason: StoredReason) -> str:
    from docker_slim_plugin.report.chains import Step  # noqa: PLC0415

    return Step(path, reason).sentence()


def _absent(one: Absent, found: Explanation) -> list[str]:
    first, source = f"{printable(one.path)}: not in {printable(found.image)}", printable(found.source)
    if not one.is_known:
        return [first, f"  the source, {source}, cannot be read here (or by this user), so nothing more is known"]
    if not one.source_path:
        return [first, f"  the source, {source}, does not have it either"]
    named = "" if one.source_path == one.path else f" as {printable(one.source_path)}"
    package = f", of the package {printable(one.package)}" if one.package else ""
    return [
        first,
        f"  the source has it{named}: {size(one.size)}{package}",
        f"  no process of the run named it, nothing kept needs it, and no rule of the level {found.level} keeps it",
        f"  {printable(one.option)} keeps it: {size(one.cost)} more, with what it needs",
    ]


def _document(found: Explanation) -> dict[str, Any]:
    return {
        "Image": found.image,
        "Source": found.source,
        "Level": found.level,
        "Report": found.report,
        "Kept": [
            {
                "Path": one.entry.Path,
                "Kind": one.entry.Kind,
                "Size": one.entry.Size,
                "Group": one.entry.Group,
                "Package": one.entry.Package,
                "Chain": [_step(step) for step in one.chain],
                "Others": [_reason(reason) for reason in one.others],
                "Processes": [{"PID": process.PID, "Arguments": process.Arguments} for process in one.ancestry],
            }
            for one in found.kept
        ],
        "Absent": [
            {
                "Path": one.path,
                "SourcePath": one.source_path,
                "Package": one.package,
                "Size": one.size,
                "Option": one.option,
                "Cost": one.cost,
                "Known": one.is_known,
            }
            for one in found.absent
        ],
    }


def _step(step: Step) -> dict[str, Any]:
    return {"Path": step.path, **_reason(step.reason)}


def _reason(reason: StoredReason) -> dict[str, Any]:
    found = {"Kind": reason.Kind, "By": reason.By, "Detail": reason.Detail}
    return {**found, "Seconds": reason.Seconds, "During": reason.During} if reason.During else found
