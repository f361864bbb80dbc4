"""`docker slim run`: observe, write, verify."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from docker_slim_plugin.cli import options, outcome, screen
from docker_slim_plugin.cli.declare import command as declared
from docker_slim_plugin.cli.session import Session
from docker_slim_plugin.model.plan import Selection
from docker_slim_plugin.model.request import Exercise, Observing, Output, Request, Verification, combined


@declared(
    "run",
    usage="[OPTIONS] IMAGE [COMMAND [ARG...]]",
    short="Slim an image: run it, watch it, write it anew",
    epilog=options.DOCKERS,
)
def slim_image(
    session: Session,
    image: options.Image,
    exercise: Annotated[Exercise, options.EXERCISE],
    observing: Annotated[Observing, options.OBSERVING],
    selection: Annotated[Selection, options.KEEPING],
    output: Annotated[Output, options.OUTPUT],
    verification: Annotated[Verification, options.VERIFICATION],
    showing: Annotated[screen.Shown, options.SHOWING],
    command: options.Command = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Run IMAGE as docker run would, watch what it needs, and write slim images of only that.

    \b
    docker slim run nginx
    docker slim run --http 8080/health -e MODE=prod -v /srv/conf:/etc/app app:1.2
    docker slim run --until exit --keep /bin/sh debian:bookworm sh -c 'date; id'
    """  # noqa: D301
    started = replace(exercise, command=tuple(command or ()), docker_options=session.arguments.docker)
    parts = (started, observing, output, verification)
    request = combined(
        Request, *parts, image=image, selection=selection, force=force, global_options=session.global_options
    )
    as_asked = options.shown(session, showing)
    session.work = lambda: write(request, as_asked)


def write(request: Request, shown: screen.Shown) -> int:
    """Do what `run` and `build` do, and print what came of it."""
    from docker_slim_plugin.workflows.slim import slim  # noqa: PLC0415 (the SDK and the tracer: not for --help)

    with screen.Screen(shown) as progress:
        report = slim(request, progress)
        outcome.tell(report, progress)
    outcome.finish(report, request, shown)
    return 0
