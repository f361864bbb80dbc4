"""The commands: words in, one call, the result on the screen.

Typer parses and explains; a command only says what is to be done, and the work starts after Typer has returned, so
that none of its own error handling stands between a bug and its traceback.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import typer
import typer.core
import typer.main

from docker_slim_plugin import __version__
from docker_slim_plugin.cli import client, completion, options, screen
from docker_slim_plugin.cli.arguments import Flag, RunArguments, docker_flags, invocation, run_arguments
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model import Selection
from docker_slim_plugin.request import Request

PLAIN = {"help_option_names": ["--help"], "max_content_width": 110}
"""No -h below the top: it is docker run's --hostname."""
app = typer.Typer(
    name="docker slim",
    help="Make slim images by watching what an app really needs.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=PLAIN,
)


@dataclass
class Session:
    """What the commands need to know, and what they leave behind: the one mutable record, filled while Typer parses."""

    global_options: tuple[str, ...]
    arguments: RunArguments = field(default_factory=lambda: RunArguments((), (), "", ()))
    work: Callable[[], int] | None = None


@app.callback()
def top() -> None:
    """Make slim images by watching what an app really needs."""


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
        form=_form(form), quiet=quiet, verbose=verbose or "--debug" in session.global_options, iidfile=iidfile
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


@app.command(short_help="Tell whether this host can do it")
def doctor(context: typer.Context, form: options.Format = "table") -> None:
    """Tell whether this host can do it, and what to do where it cannot."""
    session: Session = context.obj
    shown = _form(form)
    session.work = lambda: _doctor(session.global_options, shown)


def _doctor(global_options: Sequence[str], form: str) -> int:
    from docker_slim_plugin.doctor import examine  # noqa: PLC0415

    checks = examine(global_options)
    print(json.dumps([asdict(check) for check in checks]) if form == "json" else screen.checks(checks))  # noqa: T201
    return 1 if any(check.required and not check.ok for check in checks) else 0


@app.command(short_help="Remove what killed runs have left behind")
def prune(context: typer.Context, form: options.Format = "table") -> None:
    """Remove what runs of docker slim that were killed have left behind; running ones are left alone."""
    session: Session = context.obj
    shown = _form(form)
    session.work = lambda: _prune(session.global_options, shown)


def _prune(global_options: Sequence[str], form: str) -> int:
    from docker_slim_plugin import leftovers  # noqa: PLC0415
    from docker_slim_plugin.engine import Engine  # noqa: PLC0415

    found = leftovers.prune(Engine.connect(global_options))
    kinds = {kind: list(getattr(found, kind)) for kind in ("containers", "images", "files")}
    print(json.dumps(kinds) if form == "json" else screen.removed(kinds))  # noqa: T201
    return 0


def _form(value: str) -> str:
    return "json" if value.replace(" ", "") == "{{json.}}" else options.chosen("--format", value)


def own_flags(verb: str) -> Mapping[str, Flag]:
    """Return {spelling: Flag} of a command's own options; empty when there is no such command."""
    group: Any = typer.main.get_command(app)
    command = group.commands.get(verb)
    found = {"--help": Flag("--help", takes_value=False)} if command else {}
    for parameter in command.params if command else ():
        if parameter.param_type_name == "option":
            flag = Flag(next(name for name in parameter.opts if name.startswith("--")), not parameter.is_flag)
            found.update(dict.fromkeys(parameter.opts, flag))
    return found


def own_help(verb: str) -> Mapping[str, str]:
    """Return {option: first sentence of its help}."""
    group: Any = typer.main.get_command(app)
    parameters = group.commands[verb].params if verb in group.commands else ()
    return {p.opts[0]: re.split(r"[.:;(] ?", p.help or "")[0] for p in parameters if p.param_type_name == "option"}


def verbs() -> dict[str, str]:
    """Return {command: first line of its help}."""
    group: Any = typer.main.get_command(app)
    return {name: str(command.short_help or "") for name, command in sorted(group.commands.items())}


def run(argv: Sequence[str]) -> int:
    """Do what the command line says and return the exit status; SlimError for what cannot be."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name the terminal's charset lacks is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    if argv[:1] in (["__complete"], ["__completeNoDesc"]):
        sys.stdout.write(
            completion.complete(
                argv[1:], completion.Ours(verbs(), own_flags, own_help), described=argv[0] == "__complete"
            )
        )
        return 0
    asked = invocation(argv)
    if asked.words == ("--version",):
        print(f"docker slim version {__version__}")  # noqa: T201
        return 0
    session = Session(asked.global_options)
    words = list(asked.words)
    if words[0] == "run" and words != ["run", "--help"]:
        session.arguments = run_arguments(words[1:], own_flags("run"), docker_flags(client.create_flags()))
        if not session.arguments.image and "--help" not in session.arguments.own:
            raise UsageError("cannot run: IMAGE is missing", hint="docker slim run [OPTIONS] IMAGE [COMMAND [ARG...]]")
        words = ["run", *session.arguments.own, "--", session.arguments.image, *session.arguments.command]
    return _parsed(words, session)


def _parsed(words: Sequence[str], session: Session) -> int:
    parser: Any = typer.main.get_command(app)
    if not words[0].startswith("-") and words[0] not in parser.commands:
        raise UsageError(f"cannot understand the command {words[0]!r}", hint="docker slim --help")
    try:
        parser.main(args=list(words), prog_name="docker slim", obj=session)
    except SystemExit as ended:
        if session.work is None:
            return ended.code if isinstance(ended.code, int) else 1
    assert session.work is not None
    return session.work()
