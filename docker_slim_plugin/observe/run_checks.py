"""Checks whether a traced run is good enough to build an image from. Each error says what to do instead."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from docker_slim_plugin.engine.gate import GATE_NAME
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.observation import (
    CRON,
    HTTP,
    NO_ANSWER,
    SERVICE,
    SKIPPED,
    STATUS_ONLY,
    AccessKind,
    Observations,
    ProbeResult,
    RunResult,
)
from docker_slim_plugin.model.request import Exercise
from docker_slim_plugin.observe.probes.http_spelling import HttpProbe, parse_http_probe
from docker_slim_plugin.observe.usage_text import find_commands, is_usage

SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "busybox", "fish"})
HELP = frozenset({"help", "-h", "--help", "-help"})
MIN_REFUSAL = 300
"""The lowest HTTP status with which no page comes."""
_LOG_LINES, _LINE = 10, 300
_UDP_PORT = re.compile(r" port ([0-9]+/udp): ")
"""A port in the target of a question to a service."""


def check_run(source: SourceImage, exercise: Exercise, observations: Observations) -> tuple[str, ...]:
    """Raise SlimError when the run shows no working app; return warnings otherwise."""
    result = observations.result
    _check_end(source, exercise, result)
    if not exercise.command and is_lone_shell(source) and has_only_shells(observations):
        raise SlimError(
            f"cannot slim {source.reference}: only a shell was executed, so it looks like a base image",
            hint=f"give it a command: docker slim run {source.reference} COMMAND",
        )
    check_http_answers(exercise, result.probes)
    # What a catalogue of ours asks in vain says nothing about the app.
    # A long job of cron, which may sleep for minutes, is no failure.
    asked = [
        one
        for one in result.probes
        if one.kind != SKIPPED and (one.ok or one.kind != SERVICE) and (one.kind, one.status) != (CRON, NO_ANSWER)
    ]
    failed = [probe for probe in asked if not probe.ok]
    # A job of cron may fail where a request does not: it has no network.
    if failed and len(failed) == len(asked) and any(one.kind != CRON for one in failed):
        first = failed[0]
        raise SlimError(
            f"cannot go on: no probe succeeded: {first.kind} {first.target}: {first.detail or first.status}",
            hint="check --http, --exec and --host-exec, or use --no-http",
        )
    warnings = [f"{probe.kind} {probe.target} failed on the original too: {probe.detail}" for probe in failed]
    if not exercise.exec_ and not exercise.host_exec:
        # The user probes the app by other means, and knows its protocol.
        warnings += [probe.detail for probe in result.probes if probe.kind == SKIPPED and probe.detail]
        warnings += refusal_warnings(exercise, result.probes)
    numbers = (port.partition("/")[0] for port in tcp_ports(source))
    unused = sorted({int(one) for one in numbers if re.fullmatch("[0-9]{1,5}", one)} - set(result.ports))
    if unused and result.exit_status is None:
        warnings.append(f"nothing listened on port {', '.join(map(str, unused))}")
    if result.exit_status is not None and (advice := _usage_advice(source, exercise, result.output)):
        warnings.append(f"the app only said how it is used: {advice}")
    if not asked and (exercise.http or exercise.exec_ or exercise.host_exec):
        warnings.append("the app ended before it could be probed")
    spoken = {match[1] for one in asked if one.kind == SERVICE and (match := _UDP_PORT.search(one.target))}
    other_ports = sorted(set(source.config.get("ExposedPorts") or {}) - set(tcp_ports(source)) - spoken)
    if other_ports and not (exercise.exec_ or exercise.host_exec):
        warnings.append(f"port {', '.join(other_ports)} was not probed: --exec CMD can do that")
    elif result.exit_status is None and not asked and exercise.until == "probes":
        warnings.append(
            "the app was not asked anything, and was still running when it was stopped: --exec CMD asks it, "
            "--until exit waits for its end, --service FILE knows its protocol"
        )
    return tuple(warnings)


def _check_end(source: SourceImage, exercise: Exercise, result: RunResult) -> None:
    """Raise SlimError when the app failed."""
    if result.exit_status in (None, 0) or _is_idle_tool(source, exercise, result):
        return
    text = f"the app ended with status {result.exit_status}"
    if result.probes:
        raise SlimError(
            f"cannot go on: {text} when it was probed{_log_excerpt(result.output)}",
            hint="--no-http if it is no web server, --http and --exec for other probes",
        )
    raise SlimError(
        f"cannot go on: {text}{_log_excerpt(result.output)}",
        hint=_usage_advice(source, exercise, result.output)
        or "try it with docker run first; give it the options it needs (-e, -v, --network ...)",
    )


def _is_idle_tool(source: SourceImage, exercise: Exercise, result: RunResult) -> bool:
    """Tell whether a tool, started without anything to do as its image has it, has said how it is used.

    Many end with an error status then. An app whose command is more than a program and a word for help lacks something.
    """
    entrypoint, command = source.config.get("Entrypoint") or (), source.config.get("Cmd") or ()
    words = command if entrypoint else command[1:]
    is_asked = exercise.command or exercise.docker_options or result.probes
    return not is_asked and HELP.issuperset(words) and is_usage(result.output)


def _usage_advice(source: SourceImage, exercise: Exercise, output: str) -> str:
    """Return what to try with a program that was given nothing to do and has said how it is used; "" otherwise."""
    if exercise.command or not is_usage(output):
        return ""
    examples = [f"docker slim run {source.reference} {name}" for name in find_commands(output)]
    return "give it something to do: " + (", ".join(examples) or f"docker slim run {source.reference} COMMAND")


def check_http_answers(exercise: Exercise, probes: Sequence[ProbeResult]) -> None:
    """Raise SlimError when a request of the user does not get the expected response."""
    for asked in map(parse_http_probe, exercise.http):
        answers = [probe for probe in probes if probe.kind == HTTP and _is_answer_to(asked, probe)]
        wrong = [probe for probe in answers if not probe.ok]
        # Without a port the request goes to every HTTP server; one success is enough.
        if not wrong or (asked.port is None and len(wrong) < len(answers)):
            continue
        first = wrong[0]
        wanted = f", not {asked.status}" if asked.status and first.status != -1 else ""
        lines = [line[:_LINE] for line in first.output.strip().splitlines()[:_LOG_LINES]]
        raise SlimError(
            "\n    ".join([f"cannot go on: --http {first.target}: {first.detail}{wanted}", *lines]),
            hint=f"request a page that exists, or expect this status: --http {_corrected_probe(asked, first)}"
            if first.status != -1
            else "request a page that the app answers, or allow more time: --timeout SECONDS",
        )


def _is_answer_to(asked: HttpProbe, probe: ProbeResult) -> bool:
    method, _, rest = probe.target.partition(" ")
    port, slash, path = rest.partition("/")
    return (asked.method, asked.path) == (method, slash + path) and asked.port in (None, int(port or 0))


def _corrected_probe(asked: HttpProbe, probe: ProbeResult) -> str:
    method = "" if asked.method == "GET" else f"{asked.method}:"
    return f"{method}{probe.status}:{asked.port or ''}{asked.path}"


def refusal_warnings(exercise: Exercise, probes: Sequence[ProbeResult]) -> tuple[str, ...]:
    """Return a warning for each port where a crawl got error statuses only: then little of the app was exercised."""
    pages: dict[str, set[int]] = {}
    documents: set[str] = set()
    for probe in probes:
        if probe.target.startswith("GET ") and probe.status != -1 and not exercise.http:
            port = probe.target.partition(" ")[2].partition("/")[0]
            if probe.kind == HTTP:
                pages.setdefault(port, set()).add(probe.status)
            # Other special requests say little: servers answer OPTIONS for pages that they do not have.
            elif probe.kind == STATUS_ONLY and probe.status < MIN_REFUSAL:
                documents.add(port)
    return tuple(
        f"port {port}: GET / was answered with {', '.join(map(str, sorted(statuses)))} only, so little of the app was "
        "seen: request other pages with --http"
        for port, statuses in pages.items()
        if min(statuses) >= MIN_REFUSAL and port not in documents
    )


def tcp_ports(source: SourceImage) -> tuple[str, ...]:
    return tuple(port for port in source.config.get("ExposedPorts") or {} if not port.endswith(("/udp", "/sctp")))


def is_lone_shell(source: SourceImage) -> bool:
    """Tell whether the image runs a shell without a script: the last word of its argv is one, options aside."""
    argv = [*(source.config.get("Entrypoint") or ()), *(source.config.get("Cmd") or ())]
    words = [word for word in argv if not word.startswith("-")]
    return bool(words) and os.path.basename(words[-1]) in SHELLS


def has_only_shells(observations: Observations) -> bool:
    """Tell whether every executed program is a shell."""
    names = {os.path.basename(access.path) for access in observations.accesses if access.kind is AccessKind.EXEC}
    # The kernel opens the ELF interpreter for execution as well.
    programs = {name for name in names if not name.startswith("ld-") and name != GATE_NAME}
    return bool(programs & SHELLS) and programs <= SHELLS


def _log_excerpt(output: str) -> str:
    lines = output.strip().splitlines()[-_LOG_LINES:]
    return ":\n    " + "\n    ".join(lines) if lines else ", and wrote nothing"
