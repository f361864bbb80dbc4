"""`docker slim run`: observe, write, verify."""

from __future__ import annotations

from docker_slim_plugin.cli import options, outcome, restriction_options, screen
from docker_slim_plugin.cli.declare import Given, command
from docker_slim_plugin.cli.session import Work
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.request import CONFINED, Confining, Output, Request


@command(
    "run",
    *options.RUNNING,
    *restriction_options.CONFINABLE,
    usage=options.AS_DOCKER_RUN,
    short="Slim an image: run it, watch it, write it anew",
    epilog=options.DOCKERS,
)
def slim_image(
    given: Given,
    image: options.Image,
    command: options.Command = None,
    profile: restriction_options.ProfileFolder = "",
    force: options.Force = False,
) -> Work:
    """Run IMAGE as docker run would, watch what it needs, and write slim images of only that.

    \b
    docker slim run nginx
    docker slim run --http 8080/health -e MODE=prod -v /srv/conf:/etc/app app:1.2
    docker slim run --until exit --keep /bin/sh debian:bookworm sh -c 'date; id'
    docker slim run --output sbom=app.cdx.json,spdx=app.spdx.json app:1.2
    """  # noqa: D301
    confining, outputs = given[Confining], given[Output].outputs
    if (confining.confine or confining.confine_require) and CONFINED not in outputs:
        outputs = (*outputs, CONFINED)
    if CONFINED not in outputs and (confining.confine_allow or confining.confine_deny):
        raise UsageError("cannot use --allow and --deny without --confine", hint="--confine")
    started = options.started(given, command)
    request = given.request(Request, image=image, profile=profile, force=force, outputs=outputs, **started)
    if profile and not request.forms():
        raise UsageError("cannot make a profile without a slim image", hint="--output layered")
    return lambda: write(request, given[screen.Shown])


def write(request: Request, shown: screen.Shown) -> int:
    """Do what `run` and `build` do."""
    from docker_slim_plugin.workflows.slim import slim  # noqa: PLC0415 (the SDK and the tracer: not for --help)

    return outcome.carry_out(slim, request, shown)
