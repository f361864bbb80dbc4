"""`docker slim build`: write images from traces that were made before."""

from __future__ import annotations

from typing import Annotated

from docker_slim_plugin.cli import options, screen
from docker_slim_plugin.cli.declare import command
from docker_slim_plugin.cli.run import write
from docker_slim_plugin.cli.session import Session
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.plan import Selection
from docker_slim_plugin.model.request import Exercise, GivenTraces, Output, Request, Verification, combined


@command("build", usage="[OPTIONS] --trace FILE... IMAGE", short="Slim an image by traces of its runs")
def build_image(
    session: Session,
    image: options.Image,
    traces: Annotated[GivenTraces, options.TRACES],
    again: Annotated[Exercise, options.HOST_EXEC_AGAIN],
    selection: Annotated[Selection, options.KEEPING],
    output: Annotated[Output, options.OUTPUT],
    verification: Annotated[Verification, options.VERIFICATION],
    showing: Annotated[screen.Shown, options.SHOWING],
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Write slim images of what traces of IMAGE show, all of them together, and try them in each of those ways.

    \b
    docker slim build --trace serve.trace --trace migrate.trace --trace cron.trace app:1.2

    To try the images is to do what the traces say. What of it acts on this host (commands of --host-exec, volumes,
    ports, devices, rights) is done only where you say so: --host-exec CMD with the same text, or --trust-trace.
    """  # noqa: D301
    if not traces.traces:
        raise UsageError("cannot build without a trace", hint=f"docker slim trace -o FILE {image}, then --trace FILE")
    parts = (traces, again, output, verification)
    request = combined(
        Request, *parts, image=image, selection=selection, force=force, global_options=session.global_options
    )
    as_asked = options.shown(session, showing)
    session.work = lambda: write(request, as_asked)
