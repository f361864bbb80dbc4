"""`docker slim build`: write images from traces that were made before."""

from __future__ import annotations

from docker_slim_plugin.cli import options, screen
from docker_slim_plugin.cli.declare import Given, command
from docker_slim_plugin.cli.run import write
from docker_slim_plugin.cli.session import Work
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.request import GivenTraces, Request


@command(
    "build",
    options.TRACES,
    options.HOST_EXEC_AGAIN,
    *options.SLIMMING,
    usage="[OPTIONS] --trace FILE... IMAGE",
    short="Slim an image by traces of its runs",
)
def build_image(given: Given, image: options.Image, force: options.Force = False) -> Work:
    """Write slim images of what traces of IMAGE show, all of them together, and try them in each of those ways.

    \b
    docker slim build --trace serve.trace --trace migrate.trace app:1.2

    To try the images is to do what the traces say. What of it acts on this host (commands of --host-exec, volumes,
    ports, devices, rights) is done only where you say so: --host-exec CMD with the same text, or --trust-trace.
    """  # noqa: D301
    if not given[GivenTraces].traces:
        raise UsageError("cannot build without a trace", hint=f"docker slim trace -o FILE {image}, then --trace FILE")
    request = given.request(Request, image=image, force=force)
    return lambda: write(request, given[screen.Shown])
