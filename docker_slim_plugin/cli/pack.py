"""`docker slim pack`: named files and what they need, without a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from docker_slim_plugin.cli import options, outcome, pack_options, screen
from docker_slim_plugin.cli.declare import Given, command
from docker_slim_plugin.cli.session import Work
from docker_slim_plugin.model.plan import Selection
from docker_slim_plugin.model.request import PackRequest

Source = Annotated[str, typer.Argument(metavar="IMAGE", help="Image to take from.", show_default=False)]
Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...",
        help="Programs by name (nginx), files, directories, patterns (/etc/nginx/**).",
        show_default=False,
    ),
]


@command(
    "pack",
    options.KEEPING.without("level"),
    pack_options.CONFIG,
    pack_options.PACK_OUTPUT,
    options.SHOWING,
    pack_options.PULLING,
    usage="[OPTIONS] IMAGE PATH...",
    short="Take programs and files with all they need out of an image; nothing is run",
)
def pack_image(given: Given, image: Source, paths: Paths) -> Work:
    """Take programs, files and directories out of IMAGE, with the libraries, interpreters and settings they need.

    Nothing of IMAGE is run: what programs load by name only when they run, `docker slim run` sees and this does not.

    \b
    docker slim pack --cmd nginx build:1 nginx /etc/nginx
    docker slim pack --output tar=app.tar build:1 /usr/local/bin/app
    docker slim pack --output context=- build:1 app | docker build -t app -
    """  # noqa: D301
    selection = replace(given[Selection], requested=tuple(paths))
    request = given.request(PackRequest, image=image, selection=selection)
    return lambda: _pack(request, given[screen.Shown])


def _pack(request: PackRequest, shown: screen.Shown) -> int:
    from docker_slim_plugin.workflows.pack import pack  # noqa: PLC0415 (the SDK: not for --help)

    return outcome.carry_out(pack, request, shown)
