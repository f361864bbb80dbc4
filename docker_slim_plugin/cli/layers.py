"""`docker slim layers`: what images share, and what they could."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from docker_slim_plugin.cli import options, outcome, screen
from docker_slim_plugin.cli.declare import Given, Option, command
from docker_slim_plugin.cli.session import Work
from docker_slim_plugin.cli.text import printable, size, table
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.request import LayersRequest

if TYPE_CHECKING:
    from docker_slim_plugin.workflows.layers import SharingResult

Images = Annotated[list[str], typer.Argument(metavar="IMAGE IMAGE...", help="Images to compare.", show_default=False)]
Tag = Annotated[str, Option("--tag", "Write the proposed base, under this name.", "NAME[:TAG]")]
Least = Annotated[
    int,
    Option(
        "--least",
        "A base holds files that N of the images have. Default: more than half.",
        "N",
        has_default=False,
    ),
]


@command(
    "layers",
    options.SHOWING.without("iidfile"),
    usage="[OPTIONS] IMAGE IMAGE...",
    short="Tell what images share, and propose a base for them",
)
def layers_of(given: Given, images: Images, tag: Tag = "", least: Least = 0) -> Work:
    """Tell what images take on disk and on the wire, apart and together, and what a common base would hold.

    \b
    docker slim layers nginx:latest-slim redis:latest-slim
    docker slim layers --tag common:1 nginx:latest-slim redis:latest-slim
    docker slim run --base common:1 nginx
    """  # noqa: D301
    if least and not 2 <= least <= len(images):
        raise UsageError(f"cannot use --least {least}", hint=f"--least N, from 2 to {len(images)}")
    request = given.request(LayersRequest, images=tuple(images), least=least, tag=tag)
    return lambda: _layers(request, given[screen.Shown])


def _layers(request: LayersRequest, shown: screen.Shown) -> int:
    from docker_slim_plugin.workflows.layers import measure_sharing  # noqa: PLC0415 (the SDK: not for --help)

    return outcome.carry_out_small(
        measure_sharing, request, shown, result, lambda found: found.written[1] if found.written else ""
    )


def result(found: SharingResult) -> str:
    """Return what standard output is to show."""
    rows: list[tuple[str, ...]] = [("IMAGE", "LAYERS", "ON DISK", "SHARED", "ON THE WIRE", "SHARED")]
    for stack in found.images:
        sizes = (stack.size.disk, stack.shared.disk, stack.size.wire, stack.shared.wire)
        rows.append((printable(stack.image.reference), str(len(stack.layers)), *map(size, sizes)))
    rows.append(("apart", "", size(found.separate.disk), "", size(found.separate.wire), ""))
    rows.append(("together", "", size(found.combined.disk), "", size(found.combined.wire), ""))
    lines = [table(rows)]
    for proposal in found.proposals:
        names = ", ".join(map(printable, proposal.images))
        lines += ["", f"{printable(proposal.distribution) or 'no known distribution'}: {names}"]
        if not proposal.files:
            lines.append("no file is the same in enough of them for a base")
            continue
        share = proposal.after / max(proposal.before, 1)
        lines.append(
            f"a base of the {proposal.files:,} files that {proposal.least} of them have: {size(proposal.disk)}; "
            f"on it they would take {size(proposal.after)} instead of {size(proposal.before)} ({share:.0%})"
        )
    if found.written:
        lines += ["", f"wrote {printable(found.written[0])}; use it: docker slim run --base {found.written[0]} IMAGE"]
    elif any(proposal.files for proposal in found.proposals):
        lines += ["", "to write it: --tag NAME; then: docker slim run --base NAME IMAGE"]
    return "\n".join(lines)
