"""`docker slim attach`: watch a container that runs already, and keep what was seen in a file."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated

import typer

from docker_slim_plugin.cli import options, screen
from docker_slim_plugin.cli.declare import command
from docker_slim_plugin.cli.session import Session
from docker_slim_plugin.cli.trace import check_output, write_trace
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.request import Exercise, Observing, Request, combined

DAY = 86400.0
ContainerName = Annotated[
    str, typer.Argument(metavar="CONTAINER", help="Name or id of a running container.", show_default=False)
]


@command("attach", usage="[OPTIONS] CONTAINER", short="Watch a running container, and write down what it needs")
def attach_container(
    session: Session,
    container: ContainerName,
    exercise: Annotated[Exercise, options.EXERCISE.without("no_http").changed({"timeout": DAY})],
    observing: Annotated[Observing, options.OBSERVING.without("runs")],
    showing: Annotated[screen.Shown, options.SHOWING.without("form", "iidfile")],
    output: options.TraceFile = "",
) -> None:
    """Watch CONTAINER, which runs already (compose, systemd), for a while, and write what it needs to a file.

    What it opened and closed before is not in that trace: build from it together with one of a whole run.

    \b
    docker slim attach -o web.trace --until 60 web
    docker slim build --trace web.trace --trace start.trace app:1.2
    """  # noqa: D301
    check_output("attach", output)
    if exercise.until == "probes" and not (exercise.http or exercise.exec_ or exercise.host_exec):
        if not sys.stdin.isatty():
            raise UsageError("cannot tell how long to watch", hint="--until SECONDS, --until exit, or probes")
        exercise = replace(exercise, until="enter")
    exercise = replace(exercise, no_http=not exercise.http)
    request = combined(Request, exercise, observing, image="", outputs=(), global_options=session.global_options)
    as_asked = options.shown(session, showing)
    session.work = lambda: _attach(container, request, as_asked, output)


def _attach(container: str, request: Request, shown: screen.Shown, output: str) -> int:
    from docker_slim_plugin.workflows.attach import attach  # noqa: PLC0415 (the SDK and the tracer: not for --help)

    with screen.Screen(shown) as progress:
        if request.until == "enter":
            progress.note("watching: press enter to stop")
        text, image, traces = attach(container, request, progress)
        write_trace(text, traces, output, image, progress)
    return 0
