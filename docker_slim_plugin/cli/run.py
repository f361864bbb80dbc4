"""`docker slim run`: observe, write, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
import typer.core

from docker_slim_plugin.cli import options, screen
from docker_slim_plugin.cli.session import Session, app
from docker_slim_plugin.cli.session import form as form_of
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model import Selection
from docker_slim_plugin.request import Request


class Run(typer.core.TyperCommand):
    """`run`, its usage line spelled as docker spells it."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return ["[OPTIONS] IMAGE [COMMAND [ARG...]]"]


@app.command(
    "run",
    cls=Run,
    short_help="Slim an image: run it, watch it, write it anew",
    epilog="All options of docker run are taken as well (docker run --help), before IMAGE, and mean the same.",
)
def slim_image(
    context: typer.Context,
    image: options.Image,
    command: options.Command = None,
    tag: options.Tag = "",
    http: options.Http = None,
    no_http: options.NoHttp = False,  # noqa: FBT002
    exec_: options.Exec = None,
    host_exec: options.HostExec = None,
    until: options.Until = "probes",
    timeout: options.Timeout = 300.0,
    keep: options.Keep = None,
    keep_package: options.KeepPackage = None,
    keep_all_of: options.KeepAllOf = None,
    drop: options.Drop = None,
    no_hint: options.NoHint = None,
    output: options.Output = None,
    watch: options.Watch = "auto",
    tracer: options.Tracer = "auto",
    no_verify: options.NoVerify = False,  # noqa: FBT002
    dry_run: options.DryRun = False,  # noqa: FBT002
    force: options.Force = False,  # noqa: FBT002
    form: options.Format = "table",
    quiet: options.Quiet = False,  # noqa: FBT002
    iidfile: options.IidFile = "",
    verbose: options.Verbose = False,  # noqa: FBT002
) -> None:
    """Run IMAGE as docker run would, watch what it needs, and write slim images of only that.

    \b
    docker slim run nginx
    docker slim run --http 8080/health -e MODE=prod -v /srv/conf:/etc/app app:1.2
    docker slim run --until exit --keep /bin/sh debian:bookworm sh -c 'date; id'
    """  # noqa: D301
    session: Session = context.obj
    if timeout <= 0:
        raise UsageError(f"cannot use --timeout {timeout:g}", hint="--timeout SECONDS, more than 0")
    if no_http and http:
        raise UsageError("cannot use --http and --no-http together", hint="leave one of them out")
    request = Request(
        image=image,
        command=tuple(command or ()),
        docker_options=session.arguments.docker,
        tag=tag,
        http=tuple(http or ()),
        no_http=no_http,
        exec_=tuple(exec_ or ()),
        host_exec=tuple(host_exec or ()),
        until=options.until(until),
        timeout=timeout,
        selection=Selection(
            keep=tuple(keep or ()),
            keep_packages=tuple(keep_package or ()),
            keep_all_of=tuple(keep_all_of or ()),
            drop=tuple(drop or ()),
            hints_off=frozenset(options.chosen("--no-hint", hint) for hint in no_hint or ()),
        ),
        outputs=options.outputs(output),
        watch=options.chosen("--watch", watch),
        tracer=options.chosen("--tracer", tracer),
        verify=not no_verify,
        dry_run=dry_run,
        force=force,
        global_options=session.global_options,
    )
    shown = screen.Shown(
        form=form_of(form), quiet=quiet, verbose=verbose or "--debug" in session.global_options, iidfile=iidfile
    )
    session.work = lambda: _slim(request, shown)


def _slim(request: Request, shown: screen.Shown) -> int:
    from docker_slim_plugin.pipeline import slim  # noqa: PLC0415 (the SDK and the tracer: not for --help)

    with screen.Screen(shown) as progress:
        report = slim(request, progress)
        for warning in report.warnings:
            progress.warn(warning)
    if shown.iidfile and report.images:
        Path(shown.iidfile).write_text(screen.main_image(report).id, encoding="ascii")
    print(screen.result(report, request, shown))  # noqa: T201
    return 0
