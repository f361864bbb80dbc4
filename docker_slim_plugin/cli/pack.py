"""`docker slim pack`: named files and what they need, without a run."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated

import typer

from docker_slim_plugin.cli import options, outcome, screen, values
from docker_slim_plugin.cli.session import Session, app, shown, spelled
from docker_slim_plugin.model.request import ConfigChanges, PackRequest

Source = Annotated[str, typer.Argument(metavar="IMAGE", help="Image to take from.", show_default=False)]
Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...",
        help="Programs by name (nginx), files, directories, patterns (/etc/nginx/**).",
        show_default=False,
    ),
]
Tag = Annotated[
    str,
    typer.Option(
        "--tag",
        metavar="NAME[:TAG]",
        help="Name of the image; a squashed one gets -squashed behind the tag. Default: the source's, with -packed.",
        show_default=False,
    ),
]
Output = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        metavar="FORM[,FORM...]",
        help="What to write: layered, squashed, tar=FILE, oci=FILE, context=DIR (a Dockerfile and its tars); "
        "- for FILE or DIR is standard output. Default: layered.",
        show_default=False,
    ),
]
Cmd = Annotated[
    str | None,
    typer.Option(
        "--cmd",
        metavar="WORDS",
        help="The image's command, as words or as a JSON array: --cmd 'nginx -g \"daemon off;\"'. "
        "Default: the source's, as for all of the configuration.",
        show_default=False,
    ),
]
Entrypoint = Annotated[
    str | None,
    typer.Option(
        "--entrypoint",
        metavar="WORDS",
        help="The image's entrypoint, likewise; the source's command goes with it.",
        show_default=False,
    ),
]
Expose = Annotated[
    list[str] | None,
    typer.Option(
        "--expose",
        metavar="PORT[/PROTOCOL]",
        help="A port the app listens on (repeat), in place of the source's.",
        show_default=False,
    ),
]
User = Annotated[
    str | None,
    typer.Option("--user", "-u", metavar="NAME[:GROUP]", help="Who the app runs as.", show_default=False),
]
Workdir = Annotated[
    str | None,
    typer.Option("--workdir", "-w", metavar="DIR", help="Where the app starts.", show_default=False),
]
Env = Annotated[
    list[str] | None,
    typer.Option(
        "--env", "-e", metavar="NAME=VALUE", help="Set a variable (repeat), on top of the source's.", show_default=False
    ),
]
Pull = Annotated[str, typer.Option("--pull", metavar="missing|always|never", help="When to pull IMAGE.")]
Platform = Annotated[
    str, typer.Option("--platform", metavar="OS/ARCH", help="Pull this platform's.", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be packed; write nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Pack from an image that is slim already.")]


@app.command(
    "pack",
    cls=spelled("[OPTIONS] IMAGE PATH..."),
    short_help="Take programs and files with all they need out of an image; nothing is run",
)
def pack_image(
    context: typer.Context,
    image: Source,
    paths: Paths,
    tag: Tag = "",
    output: Output = None,
    cmd: Cmd = None,
    entrypoint: Entrypoint = None,
    expose: Expose = None,
    user: User = None,
    workdir: Workdir = None,
    env: Env = None,
    keep: options.Keep = None,
    keep_package: options.KeepPackage = None,
    keep_all_of: options.KeepAllOf = None,
    drop: options.Drop = None,
    no_hint: options.NoHint = None,
    shell: options.Shell = "",
    base: options.Base = "",
    pull: Pull = "missing",
    platform: Platform = "",
    dry_run: DryRun = False,  # noqa: FBT002
    force: Force = False,  # noqa: FBT002
    form: options.Format = "table",
    quiet: options.Quiet = False,  # noqa: FBT002
    iidfile: options.IidFile = "",
    verbose: options.Verbose = False,  # noqa: FBT002
) -> None:
    """Take programs, files and directories out of IMAGE, with the libraries, interpreters and settings they need.

    Nothing of IMAGE is run: what programs load by name only when they run, `docker slim run` sees and this does not.

    \b
    docker slim pack --cmd nginx build:1 nginx /etc/nginx
    docker slim pack --output tar=app.tar build:1 /usr/local/bin/app
    docker slim pack --output context=- build:1 app | docker build -t app -
    """  # noqa: D301
    session: Session = context.obj
    request = PackRequest(
        image=image,
        selection=replace(values.selection(keep, keep_package, keep_all_of, drop, no_hint), requested=tuple(paths)),
        changes=ConfigChanges(
            cmd=values.words("--cmd", cmd),
            entrypoint=values.words("--entrypoint", entrypoint),
            expose=values.ports(expose),
            user=user,
            workdir=workdir,
            env=values.variables(env, os.environ),
        ),
        tag=tag,
        shell=values.shell(shell),
        base=base,
        outputs=values.on_base(values.outputs(output, "layered"), base, output),
        pull=values.chosen("--pull", pull),
        platform=platform,
        dry_run=dry_run,
        force=force,
        global_options=session.global_options,
    )
    as_asked = shown(session, form=form, quiet=quiet, verbose=verbose, iidfile=iidfile)
    session.work = lambda: _pack(request, as_asked)


def _pack(request: PackRequest, shown: screen.Shown) -> int:
    from docker_slim_plugin.workflows.pack import pack  # noqa: PLC0415 (the SDK: not for --help)

    with screen.Screen(shown) as progress:
        report = pack(request, progress)
        outcome.tell(report, progress)
    outcome.finish(report, request, shown)
    return 0
