"""`docker slim run`: observe, write, verify."""

from __future__ import annotations

import typer

from docker_slim_plugin.cli import options, outcome, screen, values
from docker_slim_plugin.cli.session import AS_DOCKER_RUN, DOCKERS, Session, app, shown
from docker_slim_plugin.model.request import Request


@app.command(
    "run",
    cls=AS_DOCKER_RUN,
    short_help="Slim an image: run it, watch it, write it anew",
    epilog=DOCKERS,
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
    runs: options.Runs = 1,
    keep: options.Keep = None,
    keep_package: options.KeepPackage = None,
    keep_all_of: options.KeepAllOf = None,
    drop: options.Drop = None,
    no_hint: options.NoHint = None,
    shell: options.Shell = "",
    base: options.Base = "",
    output: options.Output = None,
    watch: options.Watch = "auto",
    tracer: options.Tracer = "auto",
    no_verify: options.NoVerify = False,  # noqa: FBT002
    no_repair: options.NoRepair = False,  # noqa: FBT002
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
    request = Request(
        image=image,
        command=tuple(command or ()),
        docker_options=session.arguments.docker,
        tag=tag,
        http=values.requests(http, no_http),
        no_http=no_http,
        exec_=tuple(exec_ or ()),
        host_exec=tuple(host_exec or ()),
        until=values.until(until),
        timeout=values.timeout(timeout),
        runs=values.runs(runs),
        selection=values.selection(keep, keep_package, keep_all_of, drop, no_hint),
        shell=values.shell(shell),
        base=base,
        outputs=values.on_base(values.outputs(output), base, output),
        watch=values.chosen("--watch", watch),
        tracer=values.chosen("--tracer", tracer),
        verify=not no_verify,
        repair=not no_repair,
        dry_run=dry_run,
        force=force,
        global_options=session.global_options,
    )
    as_asked = shown(session, form=form, quiet=quiet, verbose=verbose, iidfile=iidfile)
    session.work = lambda: write(request, as_asked)


def write(request: Request, shown: screen.Shown) -> int:
    """Do what `run` and `build` do, and print what came of it."""
    from docker_slim_plugin.workflows.slim import slim  # noqa: PLC0415 (the SDK and the tracer: not for --help)

    with screen.Screen(shown) as progress:
        report = slim(request, progress)
        outcome.tell(report, progress)
    outcome.finish(report, request, shown)
    return 0
