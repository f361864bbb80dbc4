"""`docker slim attach`: watch a container that runs already, and keep what was seen in a file."""

from __future__ import annotations

import sys

import typer

from docker_slim_plugin.cli import options, screen, values
from docker_slim_plugin.cli.session import Session, app, spelled
from docker_slim_plugin.cli.trace import check_output, write_trace
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.request import Request


@app.command(
    "attach",
    cls=spelled("[OPTIONS] CONTAINER"),
    short_help="Watch a running container, and write down what it needs",
)
def attach_container(
    context: typer.Context,
    container: options.ContainerName,
    output: options.TraceOutput = "",
    http: options.Http = None,
    exec_: options.Exec = None,
    host_exec: options.HostExec = None,
    until: options.Until = "probes",
    timeout: options.Timeout = 86400.0,
    watch: options.Watch = "auto",
    tracer: options.Tracer = "auto",
    quiet: options.Quiet = False,  # noqa: FBT002
    verbose: options.Verbose = False,  # noqa: FBT002
) -> None:
    """Watch CONTAINER, which runs already (compose, systemd), for a while, and write what it needs to a file.

    What it opened and closed before is not in that trace: build from it together with one of a whole run.

    \b
    docker slim attach -o web.trace --until 60 web
    docker slim build --trace web.trace --trace start.trace app:1.2
    """  # noqa: D301
    session: Session = context.obj
    check_output("attach", output)
    if until == "probes" and not (http or exec_ or host_exec):
        if not sys.stdin.isatty():
            raise UsageError("cannot tell how long to watch", hint="--until SECONDS, --until exit, or probes")
        until = "enter"
    request = Request(
        image="",
        http=tuple(http or ()),
        no_http=not http,
        exec_=tuple(exec_ or ()),
        host_exec=tuple(host_exec or ()),
        until=values.until(until),
        timeout=values.timeout(timeout),
        watch=values.chosen("--watch", watch),
        tracer=values.chosen("--tracer", tracer),
        outputs=(),
        global_options=session.global_options,
    )
    shown = screen.Shown(quiet=quiet, verbose=verbose or "--debug" in session.global_options)
    session.work = lambda: _attach(container, request, shown, output)


def _attach(container: str, request: Request, shown: screen.Shown, output: str) -> int:
    from docker_slim_plugin.workflows.attach import attach  # noqa: PLC0415 (the SDK and the tracer: not for --help)

    with screen.Screen(shown) as progress:
        if request.until == "enter":
            progress.note("watching: press enter to stop")
        text, image, traces = attach(container, request, progress)
        write_trace(text, traces, output, image, progress)
    return 0
