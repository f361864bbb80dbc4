"""`docker slim layers`: what images share, and what they could."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from docker_slim_plugin.cli import options, screen
from docker_slim_plugin.cli.session import Session, app, shown, spelled
from docker_slim_plugin.cli.text import printable, size, table
from docker_slim_plugin.errors import UsageError

if TYPE_CHECKING:
    from docker_slim_plugin.workflows.layers import LayersRequest, SharingResult

Images = Annotated[list[str], typer.Argument(metavar="IMAGE IMAGE...", help="Images to compare.", show_default=False)]
Tag = Annotated[
    str,
    typer.Option("--tag", metavar="NAME[:TAG]", help="Write the proposed base, under this name.", show_default=False),
]
Least = Annotated[
    int,
    typer.Option(
        "--least",
        metavar="N",
        help="Files that N of the images have belong into a base. Default: more than half.",
        show_default=False,
    ),
]


@app.command(
    "layers",
    cls=spelled("[OPTIONS] IMAGE IMAGE..."),
    short_help="Tell what images share, and propose a base for them",
)
def layers_of(
    context: typer.Context,
    images: Images,
    tag: Tag = "",
    least: Least = 0,
    form: options.Format = "table",
    quiet: options.Quiet = False,  # noqa: FBT002
    verbose: options.Verbose = False,  # noqa: FBT002
) -> None:
    """Tell what images take on disk and on the wire, apart and together, and what a common base would hold.

    \b
    docker slim layers nginx:latest-slim redis:latest-slim
    docker slim layers --tag common:1 nginx:latest-slim redis:latest-slim
    docker slim run --base common:1 nginx
    """  # noqa: D301
    session: Session = context.obj
    if least and not 2 <= least <= len(images):
        raise UsageError(f"cannot use --least {least}", hint=f"--least N, from 2 to {len(images)}")
    as_asked = shown(session, form=form, quiet=quiet, verbose=verbose)

    def work() -> int:
        from docker_slim_plugin.workflows.layers import LayersRequest  # noqa: PLC0415 (the SDK: not for --help)

        request = LayersRequest(images=tuple(images), least=least, tag=tag, global_options=session.global_options)
        return _layers(request, as_asked)

    session.work = work


def _layers(request: LayersRequest, shown: screen.Shown) -> int:
    from docker_slim_plugin.workflows.layers import measure_sharing  # noqa: PLC0415

    with screen.Screen(shown) as progress:
        found = measure_sharing(request, progress)
        for warning in found.warnings:
            progress.warn(warning)
    if shown.form == "json":
        print(json.dumps(to_json(found), sort_keys=True))  # noqa: T201
    elif not shown.quiet:
        print(result(found))  # noqa: T201
    elif found.written:
        sys.stdout.write(f"{found.written[1]}\n")
    return 0


def to_json(found: SharingResult) -> dict[str, Any]:
    """Return the result as JSON's types."""
    return {
        "Images": [
            {
                "Reference": stack.image.reference,
                "ID": stack.image.id,
                "Size": _json(stack.size),
                "Shared": _json(stack.shared),
                "Layers": [{"DiffID": diff_id, "Size": _json(one)} for diff_id, one in stack.layers],
            }
            for stack in found.images
        ],
        "Apart": _json(found.separate),
        "Together": _json(found.combined),
        "Proposals": [_json(proposal) for proposal in found.proposals],
        "Written": {"Reference": found.written[0], "ID": found.written[1]} if found.written else None,
        "Warnings": list(found.warnings),
    }


def _json(record: Any) -> dict[str, Any]:
    return {name.capitalize(): value for name, value in asdict(record).items()}


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
