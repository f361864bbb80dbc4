"""`docker slim attach`: watch a container that runs already, and keep what was seen in a file."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from docker_slim_plugin.cli import options, screen
from docker_slim_plugin.cli.declare import Given, command
from docker_slim_plugin.cli.session import Work
from docker_slim_plugin.cli.trace import check_output, write_trace
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.request import Exercise, Request

DAY = 86400.0
ContainerName = Annotated[
    str, typer.Argument(metavar="CONTAINER", help="Name or id of a running container.", show_default=False)
]


@command(
    "attach",
    options.EXERCISE.without("no_http", "no_services", "service", "allow_writes").changed({"timeout": DAY}),
    options.OBSERVING.without("runs"),
    options.OBSERVED,
    usage="[OPTIONS] CONTAINER",
    short="Watch a running container, and write down what it needs",
)
def attach_container(given: Given, container: ContainerName, output: options.TraceFile = "") -> Work:
    """Watch CONTAINER, which runs already (compose, systemd), for a while, and write what it needs to a file.

    What it opened and closed before is not in that trace: build from it together with one of a whole run.

    \b
    docker slim attach -o web.trace --until 60 web
    docker slim build --trace web.trace --trace start.trace app:1.2
    """  # noqa: D301
    check_output("attach", output)
    exercise = given[Exercise]
    until = exercise.until
    if until == "probes" and not (exercise.http or exercise.exec_ or exercise.host_exec):
        if not sys.stdin.isatty():
            raise UsageError("cannot tell how long to watch", hint="--until SECONDS, --until exit, or probes")
        until = "enter"
    request = given.request(Request, image="", outputs=(), until=until, no_http=not exercise.http, no_services=True)
    return lambda: _attach(container, request, given[screen.Shown], output)


def _attach(container: str, request: Request, shown: screen.Shown, output: str) -> int:
    from docker_slim_plugin.workflows.attach import attach  # noqa: PLC0415 (the SDK and the tracer: not for --help)

    with screen.Screen(shown) as progress:
        if request.until == "enter":
            progress.note("watching: press enter to stop")
        text, image, traces = attach(container, request, progress)
        write_trace(text, traces, output, image, progress)
    return 0
