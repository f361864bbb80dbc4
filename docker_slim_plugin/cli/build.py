"""`docker slim build`: write images from traces that were made before."""

from __future__ import annotations

import os

import typer

from docker_slim_plugin.cli import options, values
from docker_slim_plugin.cli.run import write
from docker_slim_plugin.cli.session import Session, app, shown, spelled
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.request import Request


@app.command("build", cls=spelled("[OPTIONS] --trace FILE... IMAGE"), short_help="Slim an image by traces of its runs")
def build_image(
    context: typer.Context,
    image: options.Image,
    trace: options.Traces = None,
    env: options.TraceEnv = None,
    env_file: options.TraceEnvFile = None,
    host_exec: options.HostExecAgain = None,
    trust_trace: options.TrustTrace = False,  # noqa: FBT002
    tag: options.Tag = "",
    keep: options.Keep = None,
    keep_package: options.KeepPackage = None,
    keep_all_of: options.KeepAllOf = None,
    drop: options.Drop = None,
    no_hint: options.NoHint = None,
    shell: options.Shell = "",
    base: options.Base = "",
    output: options.Output = None,
    no_verify: options.NoVerify = False,  # noqa: FBT002
    no_repair: options.NoRepair = False,  # noqa: FBT002
    dry_run: options.DryRun = False,  # noqa: FBT002
    force: options.Force = False,  # noqa: FBT002
    form: options.Format = "table",
    quiet: options.Quiet = False,  # noqa: FBT002
    iidfile: options.IidFile = "",
    verbose: options.Verbose = False,  # noqa: FBT002
) -> None:
    """Write slim images of what traces of IMAGE show, all of them together, and try them in each of those ways.

    \b
    docker slim build --trace serve.trace --trace migrate.trace --trace cron.trace app:1.2

    To try the images is to do what the traces say. What of it acts on this host (commands of --host-exec, volumes,
    ports, devices, rights) is done only where you say so: --host-exec CMD with the same text, or --trust-trace.
    """  # noqa: D301
    session: Session = context.obj
    if not trace:
        raise UsageError("cannot build without a trace", hint=f"docker slim trace -o FILE {image}, then --trace FILE")
    request = Request(
        image=image,
        tag=tag,
        traces=tuple(trace),
        environment=values.variables([*values.env_files(env_file), *(env or ())], os.environ),
        host_exec=tuple(host_exec or ()),
        trust=trust_trace,
        selection=values.selection(keep, keep_package, keep_all_of, drop, no_hint),
        shell=values.shell(shell),
        base=base,
        outputs=values.on_base(values.outputs(output), base, output),
        verify=not no_verify,
        repair=not no_repair,
        dry_run=dry_run,
        force=force,
        global_options=session.global_options,
    )
    as_asked = shown(session, form=form, quiet=quiet, verbose=verbose, iidfile=iidfile)
    session.work = lambda: write(request, as_asked)
