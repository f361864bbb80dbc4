"""`docker slim squash`: merge the layers of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from docker_slim_plugin.cli import options, outcome, pack_options, screen
from docker_slim_plugin.cli.declare import Given, Option, command
from docker_slim_plugin.cli.session import Work
from docker_slim_plugin.cli.text import printable, seconds, size, table
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.request import SquashRequest

if TYPE_CHECKING:
    from docker_slim_plugin.workflows.squash import SquashReport

Image = Annotated[str, typer.Argument(metavar="IMAGE", help="Image whose layers are merged.", show_default=False)]
Tag = Annotated[str, Option("--tag", "Name of the new image. Default: the source's, with -squashed.", "NAME[:TAG]")]
From = Annotated[
    str | None,
    Option(
        "--from",
        "Merge only the layers above this one (its diff id, or the start of it), or this number of the highest layers.",
        "LAYER",
    ),
]
Base = Annotated[str | None, Option("--base", "Merge only the layers above those of this image.", "IMAGE")]
SOURCE = pack_options.PULLING.changed({}, force=Option("--force", "Take the new name from an image of another tool."))


@command(
    "squash",
    SOURCE,
    options.SHOWING,
    usage="[OPTIONS] IMAGE",
    short="Merge the layers of an image; nothing is left out",
)
def squash(given: Given, image: Image, tag: Tag = "", above: From = None, base: Base = None) -> Work:
    """Write an image with the same files and configuration in one layer, without those that higher layers hide.

    Nothing is run and nothing else is left out. With --base or --from, the lowest layers stay, so that images still
    share them, and one layer holds what the others change and delete. The history stays.

    \b
    docker slim squash app:1.2
    docker slim squash --base debian:bookworm --tag app:small app:1.2
    docker slim squash --from 3 app:1.2
    """  # noqa: D301
    for name, value in (("--from", above), ("--base", base)):
        if value == "":
            raise UsageError(f"cannot use {name}: its value is empty", hint="--from LAYER or --base IMAGE")
    if above and base:
        raise UsageError("cannot use --from and --base together", hint="--from LAYER or --base IMAGE")
    request = given.request(SquashRequest, image=image, tag=tag, above=above or "", base=base or "")
    return lambda: _squash(request, given[screen.Shown])


def _squash(request: SquashRequest, shown: screen.Shown) -> int:
    from docker_slim_plugin.workflows.squash import squash as squash_image  # noqa: PLC0415 (the SDK: not for --help)

    return outcome.carry_out_small(squash_image, request, shown, result, lambda report: report.image.id)


def result(report: SquashReport) -> str:
    """Return what standard output is to show."""
    source, image = report.source, report.image
    rows = [("IMAGE", "ID", "SIZE", "LAYERS")]
    rows.append((printable(source.reference), outcome.short(source.id), size(source.size), str(len(source.layers))))
    rows.append((printable(image.reference), outcome.short(image.id), size(image.size), str(len(image.layers))))
    saved = (
        f"{size(report.saved)} less, of files that higher layers hide"
        if report.saved >= 0
        else f"{size(-report.saved)} more: files of the layers that stay are stored anew"
    )
    return "\n".join(
        (
            table(rows),
            "",
            f"{report.merged} layers merged: {saved}; {seconds(report.seconds)}",
            f"compared: {report.files_compared:,} paths and the configuration, all as in the source",
        )
    )
