"""`docker slim base`: a smaller base image of a distribution's."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from docker_slim_plugin.cli import options, outcome, pack_options, screen
from docker_slim_plugin.cli.declare import Given, Option, command
from docker_slim_plugin.cli.session import Work
from docker_slim_plugin.cli.text import printable, seconds, size, table
from docker_slim_plugin.model.request import BaseRequest

if TYPE_CHECKING:
    from docker_slim_plugin.base.report import BaseReport

_GROUPS = 12
"""Of packages that nothing needs, as many as are shown."""

Image = Annotated[str, typer.Argument(metavar="IMAGE", help="Image to make a base of.", show_default=False)]
Tag = Annotated[str, Option("--tag", "Name of the base. Default: the source's, with -base.", "NAME[:TAG]")]
DryRun = Annotated[bool, Option("--dry-run", "Say what would be dropped; write no image.")]


@command(
    "base",
    pack_options.DROPPING,
    options.SHOWING,
    usage="[OPTIONS] IMAGE",
    short="Make a smaller base image of a distribution's",
)
def base(given: Given, image: Image, tag: Tag = "", dry_run: DryRun = False) -> Work:
    """Write a smaller base image of IMAGE: no documentation, translations, time zones and caches.

    It can install packages as before, and these come without their documentation too. Packages that nothing needs
    are listed; --purge removes those that you name.

    Of the C library's character sets (iconv) only those of mainframes go, of C headers only Perl's own, which no
    compiler is there to read. `apt-get install --reinstall PACKAGE` has time zones (tzdata), character sets (libc6)
    or those headers (libperl5.36) back.

    \b
    docker slim base debian:bookworm
    docker slim base --keep-locale de --no-drop zoneinfo debian:bookworm
    docker slim base --purge e2fsprogs,libext2fs2 --tag our/base debian:bookworm
    """  # noqa: D301
    request = given.request(BaseRequest, image=image, tag=tag, dry_run=dry_run)
    return lambda: _base(request, given[screen.Shown])


def _base(request: BaseRequest, shown: screen.Shown) -> int:
    from docker_slim_plugin.workflows.base import make_base  # noqa: PLC0415 (the SDK: not for --help)

    return outcome.carry_out_small(
        make_base,
        request,
        shown,
        lambda report: result(report, request),
        lambda report: report.image.id if report.image else "",
    )


def result(report: BaseReport, request: BaseRequest) -> str:
    """Return what standard output is to show."""
    source, image = report.source, report.image
    rows = [("IMAGE", "ID", "SIZE"), (printable(source.reference), outcome.short(source.id), size(source.size))]
    rows += [(printable(image.reference), outcome.short(image.id), size(image.size))] if image else []
    gone = [
        (one.kind.name, f"{one.files:,}", size(one.size), one.kind.description) for one in report.dropped if one.files
    ]
    packages = ", ".join(report.purged)
    gone += [("packages", "", size(report.purged_size), packages)] if report.purged else []
    gone += (
        [("", "", "", f"{', '.join(report.replacements)} in their place")]
        if report.replacements and report.purged
        else []
    )
    left = [(one.kind.name, f"{one.files:,}", size(one.size), one.kind.description) for one in report.left if one.size]
    lines = [table(rows), "", table([("DROPPED", "FILES", "SIZE", "WHAT"), *gone]), ""]
    lines += [table([("LEFT", "FILES", "SIZE", "WHAT"), *left]), "to drop these too: --drop all", ""] if left else []
    lines += _unneeded(report)
    share = report.size / max(source.size, 1)
    lines.append(f"{size(report.size)} of {size(source.size)}, {1 - share:.1%} less; {seconds(report.seconds)}")
    if image is None:
        lines.append("nothing was written (--dry-run)")
    else:
        words = ["docker", *request.global_options, "run", "--rm", "-it", "--entrypoint=sh", image.reference]
        lines.append(f"build on it: FROM {printable(image.reference)}")
        lines.append(f"look into it: {printable(shlex.join(words))}")
    return "\n".join(lines)


def _unneeded(report: BaseReport) -> list[str]:
    """Return the packages that nothing needs as lines, with what purges the largest of them."""
    if not report.unneeded:
        return []
    rows = [("SIZE", "", "PACKAGES THAT NOTHING NEEDS")]
    for group in report.unneeded[:_GROUPS]:
        notes = ["required by priority"] if group.required else []
        notes += [f"{' or '.join(group.replacements)} comes in its place"] if group.replacements else []
        rows.append((size(group.size), printable("; ".join(notes)), printable(",".join(group.names))))
    if len(report.unneeded) > _GROUPS:
        left = report.unneeded[_GROUPS:]
        rows.append((size(sum(group.size for group in left)), f"{len(left)} more", "--format json has all"))
    return [table(rows), "these stay; to have some removed: --purge PACKAGE[,PACKAGE...]", ""]
