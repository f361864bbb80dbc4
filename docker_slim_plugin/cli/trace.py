"""`docker slim trace`: observe only, and keep what was seen in a file."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence

from docker_slim_plugin.cli import options, screen, values
from docker_slim_plugin.cli.declare import Given, command
from docker_slim_plugin.cli.session import Work
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.request import Request
from docker_slim_plugin.observe.trace import Trace, save
from docker_slim_plugin.progress import Progress


@command(
    "trace",
    *options.RUNNING,
    options.OBSERVED,
    usage=options.AS_DOCKER_RUN,
    short="Run an image and watch it, and write down what it needs",
    epilog=options.DOCKERS,
)
def trace_image(
    given: Given,
    image: options.Image,
    command: options.Command = None,
    output: options.TraceFile = "",
    force: options.Force = False,
) -> Work:
    """Run IMAGE as docker run would, watch what it needs, and write that to a file; no image is written.

    \b
    docker slim trace -o serve.trace app:1.2
    docker slim trace -o migrate.trace app:1.2 ./manage.py migrate
    docker slim build --trace serve.trace --trace migrate.trace app:1.2
    """  # noqa: D301
    check_output("trace", output)
    request = given.request(Request, image=image, force=force, outputs=(), **options.started(given, command))
    return lambda: _trace(request, given[screen.Shown], output)


def check_output(verb: str, output: str) -> None:
    """Raise UsageError when a trace cannot be written there."""
    if not to_file(output) and sys.stdout.isatty():
        raise UsageError("cannot write a trace to a terminal", hint=f"docker slim {verb} -o FILE ..., or redirect it")
    if to_file(output):
        values.file(output)


def to_file(output: str) -> bool:
    """Tell whether a trace goes to a file; else it goes to standard output."""
    return output not in ("", "-")


def _trace(request: Request, shown: screen.Shown, output: str) -> int:
    from docker_slim_plugin.workflows.trace import trace  # noqa: PLC0415 (the SDK and the tracer: not for --help)

    with screen.Screen(shown) as progress:
        text, traces = trace(request, progress)
        write_trace(text, traces, output, request.image, progress)
    return 0


def write_trace(text: str, traces: Sequence[Trace], output: str, image: str, progress: Progress) -> None:
    """Write a trace where it is wanted, and say what to do with it."""
    for warning in dict.fromkeys(text for one in traces for text in one.observations.warnings):
        progress.warn(warning)
    if to_file(output):
        save(output, text)
        progress.note(f"trace: {os.path.abspath(output)}")
        progress.note(f"build from it: docker slim build --trace {shlex.quote(output)} {image}")
    else:
        sys.stdout.write(text)
