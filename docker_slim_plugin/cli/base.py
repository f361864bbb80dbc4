"""`docker slim base`: a smaller base image of a distribution's."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from docker_slim_plugin.base.file_kinds import DEFAULTS, KINDS, NAMES
from docker_slim_plugin.cli import options, outcome, screen
from docker_slim_plugin.cli.session import Session, app, shown, spelled
from docker_slim_plugin.cli.text import printable, seconds, size, table
from docker_slim_plugin.errors import UsageError

if TYPE_CHECKING:
    from docker_slim_plugin.base.report import BaseReport
    from docker_slim_plugin.workflows.base import BaseRequest

_SETS = {"usual": DEFAULTS, "all": NAMES}
_ALL = "; ".join(f"{kind.name} ({kind.description})" for kind in KINDS)
_GROUPS = 12
"""Of packages that nothing needs, as many as are shown."""

Image = Annotated[str, typer.Argument(metavar="IMAGE", help="Image to make a base of.", show_default=False)]
Tag = Annotated[
    str,
    typer.Option(
        "--tag", metavar="NAME[:TAG]", help="Name of the base. Default: the source's, with -base.", show_default=False
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option(
        "--drop",
        metavar="KIND[,KIND...]",
        help=f"Drop these kinds of files: usual (the default, all but {', '.join(sorted({*NAMES} - {*DEFAULTS}))}); "
        f"all; or: {_ALL}.",
        show_default=False,
    ),
]
NoDrop = Annotated[
    list[str] | None,
    typer.Option("--no-drop", metavar="KIND[,KIND...]", help="Keep these kinds of files.", show_default=False),
]
KeepLocale = Annotated[
    list[str] | None,
    typer.Option(
        "--keep-locale",
        metavar="LOCALE[,LOCALE...]",
        help="Keep messages in these languages: de,pt_BR.",
        show_default=False,
    ),
]
Purge = Annotated[
    list[str] | None,
    typer.Option(
        "--purge",
        metavar="PACKAGE[,PACKAGE...]",
        help="Have the image's own package manager purge these packages, and no others.",
        show_default=False,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be dropped; write no image.")]


@app.command(cls=spelled("[OPTIONS] IMAGE"), short_help="Make a smaller base image of a distribution's")
def base(
    context: typer.Context,
    image: Image,
    tag: Tag = "",
    drop: Drop = None,
    no_drop: NoDrop = None,
    keep_locale: KeepLocale = None,
    purge: Purge = None,
    dry_run: DryRun = False,  # noqa: FBT002
    form: options.Format = "table",
    quiet: options.Quiet = False,  # noqa: FBT002
    iidfile: options.IidFile = "",
    verbose: options.Verbose = False,  # noqa: FBT002
) -> None:
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
    from docker_slim_plugin.workflows.base import BaseRequest  # noqa: PLC0415 (the SDK: not for --help)

    session: Session = context.obj
    request = BaseRequest(
        image=image,
        tag=tag,
        drop=frozenset(_kinds("--drop", drop) or DEFAULTS) - frozenset(_kinds("--no-drop", no_drop)),
        locales=_words(keep_locale),
        purge=_words(purge),
        dry_run=dry_run,
        global_options=session.global_options,
    )
    as_asked = shown(session, form=form, quiet=quiet, verbose=verbose, iidfile=iidfile)
    session.work = lambda: _base(request, as_asked)


def _words(values: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for value in values or () for word in value.split(",") if word))


def _kinds(option: str, values: Sequence[str] | None) -> tuple[str, ...]:
    words = tuple(kind for word in _words(values) for kind in _SETS.get(word, (word,)))
    for word in words:
        if word not in NAMES:
            raise UsageError(f"cannot use {option} {word}: there is no such kind", hint=f"{option} {','.join(NAMES)}")
    return words


def _base(request: BaseRequest, shown: screen.Shown) -> int:
    from docker_slim_plugin.workflows.base import make_base  # noqa: PLC0415

    with screen.Screen(shown) as progress:
        report = make_base(request, progress)
        for warning in report.warnings:
            progress.warn(warning)
    if report.image:
        outcome.write_id(shown, report.image.id)
    if shown.form == "json":
        print(json.dumps(report.to_json(), sort_keys=True))  # noqa: T201
    elif not shown.quiet:
        print(result(report, request))  # noqa: T201
    elif report.image:
        print(report.image.id)  # noqa: T201
    return 0


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
