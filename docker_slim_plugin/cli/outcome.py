"""Run a workflow and print its report: the images, what was kept, and how it was verified, as text, JSON or an id."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from docker_slim_plugin.cli import template
from docker_slim_plugin.cli.screen import Screen, Shown
from docker_slim_plugin.cli.text import counted, printable, seconds, size, table
from docker_slim_plugin.engine.secrets import repeatable_options, secrets_of
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import output_file
from docker_slim_plugin.model.image import SlimImage
from docker_slim_plugin.model.observation import (
    CRON,
    HTTP,
    LOOPBACK,
    NO_ANSWER,
    SERVICE,
    SKIPPED,
    START,
    STATUS_ONLY,
    ProbeResult,
)
from docker_slim_plugin.model.plan import RulePrice
from docker_slim_plugin.model.request import BaseRequest, LayersRequest, PackRequest, Request, SquashRequest
from docker_slim_plugin.report.record import Report

Q = TypeVar("Q", Request, PackRequest)
S = TypeVar("S", BaseRequest, LayersRequest, SquashRequest)
R = TypeVar("R")
STDOUT = "-"
"""Standard output, in the outputs of a report."""
GATE_FAILED = 4
"""The exit status if the images were made, and a condition of the user is not met."""
SHOWN_BYTES = 100_000
"""Smaller additions of a rule are in the report only."""


def main_image(report: Report) -> SlimImage:
    """Return the image that -q and --iidfile name: the layered one, or else the first one."""
    return next((image for image in report.images if image.form == "layered"), report.images[0])


def write_id(shown: Shown, identity: str) -> None:
    """Write the image's id to the file of --iidfile, if there is one."""
    try:
        if shown.iidfile:
            output_file.write(shown.iidfile, identity.encode("ascii"))
    except OSError as error:
        text = f"cannot write {shown.iidfile}: {error.strerror}; the image is {identity}"
        raise SlimError(text, hint="--iidfile FILE") from error


def carry_out(workflow: Callable[[Q, Screen], Report], request: Q, shown: Shown) -> int:
    """Run a workflow that writes images, and print its report (to standard error where an image went to stdout).

    Return the exit status.
    """
    with Screen(shown) as progress:
        report = workflow(request, progress)
        for note in report.notes:
            progress.note(f"note: {note}")
        for warning in report.warnings:
            progress.warn(warning)
        for gate in report.failed_gates:
            progress.warn(f"a gate failed: {gate}")
    if report.images:
        write_id(shown, main_image(report).id)
    if text := result(report, request, shown):
        print(text, file=sys.stderr if STDOUT in report.outputs else sys.stdout)
    warned = report.warnings and isinstance(request, Request) and request.fail_on_warning
    return GATE_FAILED if warned or report.failed_gates else 0


def carry_out_small(
    workflow: Callable[[S, Screen], R],
    request: S,
    shown: Shown,
    text: Callable[[R], str],
    identity: Callable[[R], str],
) -> int:
    """Run a workflow that writes one image at most, and print its report: as `text`, JSON, or the image's id.

    `identity` gives the id, empty when no image was written. Return the exit status.
    """
    with Screen(shown) as progress:
        report: Any = workflow(request, progress)
        for warning in report.warnings:
            progress.warn(warning)
    written = identity(report)
    if written:
        write_id(shown, written)
    if shown.form != template.TABLE:
        print(template.shown(shown.form, report.to_json(), sort=True))
    elif not shown.quiet:
        print(text(report))
    elif written:
        print(written)
    return 0


def result(report: Report, request: Request | PackRequest, shown: Shown) -> str:
    """Return the text that is printed at the end."""
    if shown.form != template.TABLE:
        return template.shown(shown.form, report.to_json(), sort=True)
    if shown.quiet:
        return main_image(report).id if report.images else ""
    before = report.source
    rows = [("IMAGE", "ID", "SIZE", "LAYERS", "FORM")]
    rows.append((printable(before.reference), short(before.id), size(before.size), str(len(before.layers)), "source"))
    for image in report.images:
        count = "1" if image.form == "squashed" else str(len(image.layers))
        rows.append((printable(image.reference), short(image.id), size(image.size), count, image.form))
    lines = [table(rows), "", _summary(report), *_rules(report), *_verification(report)]
    lines += [f"wrote {printable(place)}" for place in report.outputs if place != STDOUT]
    lines += [f"report: {printable(str(report.file))}"] if report.file else []
    if report.images:
        options = repeatable_options(request.docker_options)
        words = ["docker", *request.global_options, "run", *options, main_image(report).reference]
        line = [*words, *request.command]
        secrets = secrets_of(request.docker_options, os.environ).with_arguments([line])
        lines.append(f"run it: {printable(shlex.join(secrets.mask_arguments(line)))}")
    elif request.dry_run:
        lines.append("nothing was written (--dry-run)")
    return "\n".join(lines)


def _summary(report: Report) -> str:
    files = report.plan.files()
    kept = f"kept {len(files):,} of {report.plan.total_files:,} files"
    smallest = min((image.size for image in report.images), default=sum(entry.size for entry in files))
    before = max(report.source.size, 1)
    less = f"{size(smallest)} of {size(report.source.size)}, {1 - smallest / before:.1%} less"
    return f"{kept}; {less}; {seconds(report.seconds)}"


def _rules(report: Report) -> list[str]:
    return [] if report.plan.level == "exact" else rules(report.plan.by_rule())


def rules(prices: Iterable[RulePrice]) -> list[str]:
    """Return a line about what the rules of the level have added, if they have."""
    prices = [one for one in prices if one.size >= SHOWN_BYTES]
    if not prices:
        return []
    shown = ", ".join(f"{printable(one.summary)} {size(one.size)} ({printable(one.name)})" for one in prices)
    return [f"for what may be asked next: {shown}; --no-hint NAME leaves one out, --level exact all"]


def _verification(report: Report) -> list[str]:
    """Return the lines about what was asked of the app, and whether the images gave the same answers."""
    result = report.observations.result
    is_off = report.observations.mode == report.observations.watch == "off"
    lines = [] if is_off else [asked(result.probes, result.exit_status)]
    if report.verdicts:
        lines.append(verified([verdict.form for verdict in report.verdicts], has_answers=bool(lines)))
    elif report.images:
        lines.append("verified: nothing (--no-verify)")
    return lines + _confinement(report)


def verified(forms: Iterable[str], *, has_answers: bool) -> str:
    """Return the line about images that passed."""
    named = " and ".join(dict.fromkeys(map(printable, forms)))
    return f"verified: {named}: files as in the source" + (", same answers" if has_answers else "")


def asked(probes: Sequence[ProbeResult], exit_status: int | None) -> str:
    """Return the line about what was asked of the app."""
    kinds = Counter(probe.kind for probe in probes)
    statuses = Counter(probe.status for probe in probes if probe.kind in (HTTP, STATUS_ONLY))
    answers = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()) if status != NO_ANSWER)
    services = Counter(re.split(r" port |: ", one.target)[0] for one in probes if one.kind == SERVICE and one.ok)
    requests = kinds[HTTP] + kinds[STATUS_ONLY]
    words = [
        ", ".join(f"{printable(name)} ({counted(count, 'question')})" for name, count in sorted(services.items())),
        f"{counted(requests, 'HTTP request')} ({answers or 'no answer'})" if requests else "",
        f"{counted(kinds['exec'], 'command')} in the container" if kinds["exec"] else "",
        f"{counted(kinds['host-exec'], 'command')} on the host" if kinds["host-exec"] else "",
        "the healthcheck" if kinds["healthcheck"] else "",
        _cron_jobs(probes),
        f"started with {', '.join(printable(one.target) for one in probes if one.kind == START)}"
        if kinds[START]
        else "",
    ]
    ports = [one.target for one in probes if one.kind == SKIPPED and one.target.isdecimal() and one.detail]
    line = "; ".join(filter(None, words)) or "nothing"
    line += f"; not asked: port {', '.join(ports)}" if ports else ""
    skipped = (one.target for one in probes if one.kind == SKIPPED and one.target.endswith(LOOPBACK))
    local = ", ".join(printable(target.removesuffix(LOOPBACK)) for target in skipped)
    line += f"; asked on loopback, which servers trust more: port {local}" if local else ""
    ending = "" if exit_status is None else f"; it ended with status {exit_status}"
    return f"asked: {line}{ending}"


def _confinement(report: Report) -> list[str]:
    """Return the lines about what the confined image allows, and what was tried."""
    one = report.confinement
    if one is None:
        return []
    words = {"bind": "TCP ports", "connect": "connections to TCP ports", "write": "writes below", "device": "devices"}
    kinds = {kind: [value for other, value in one.allowed if other == kind] for kind, _ in one.allowed}
    allowed = [f"{words.get(kind, kind)} {', '.join(map(printable, values))}" for kind, values in kinds.items()]
    tried = [attempt for attempt in one.attempts if attempt.is_tried and attempt.is_enforceable]
    lines = [f"confined to: {'; '.join(allowed) or 'nothing but what every program may do'}"]
    if tried:
        refused = ", ".join(f"{attempt.name} ({attempt.confined})" for attempt in tried)
        lines.append(f"tried behind its launcher, and refused: {refused}")
    return lines


def _cron_jobs(probes: Iterable[ProbeResult]) -> str:
    """Return how many jobs of cron were run, and how many of them did not end."""
    jobs = [one for one in probes if one.kind == CRON]
    endless = sum(one.status == NO_ANSWER for one in jobs)
    return (counted(len(jobs), "cron job") if jobs else "") + (f" ({endless} did not end in time)" if endless else "")


def short(identity: str) -> str:
    """Return the first 12 digits of an image's id, as docker prints it."""
    return printable(identity.removeprefix("sha256:")[:12])
