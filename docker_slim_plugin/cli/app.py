"""The command line: parse the words, run one command, return its exit status. Each command is a file of this folder."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import typer.main

from docker_slim_plugin import __version__
from docker_slim_plugin.cli import (
    attach,
    base,
    build,
    client,
    completion,
    debug,
    diff,
    doctor,
    install_plugin,
    layers,
    pack,
    profile,
    prune,
    report,
    squash,
    trace,
    version,
    why,
    xray,
)
from docker_slim_plugin.cli import run as run_command
from docker_slim_plugin.cli.arguments import (
    COMMAND_LAST,
    DOCKER_OPTIONS,
    Flag,
    docker_flags,
    invocation,
    run_arguments,
)
from docker_slim_plugin.cli.declare import OPTIONS
from docker_slim_plugin.cli.repeatable import docker_line, plain_line
from docker_slim_plugin.cli.session import Misread, Session, app
from docker_slim_plugin.errors import UsageError

COMMANDS = (
    run_command,
    trace,
    attach,
    build,
    pack,
    base,
    squash,
    profile,
    layers,
    why,
    diff,
    report,
    xray,
    debug,
    doctor,
    prune,
    version,
    install_plugin,
)
"""Importing them registers them."""
VERBS = {name: str(one.short_help or "") for name, one in sorted(typer.main.get_command(app).commands.items())}  # type: ignore[attr-defined]
"""{command: first line of its help}."""


def own_flags(verb: str) -> Mapping[str, Flag]:
    """Return {spelling: Flag} of a command's own options; empty when there is no such command."""
    if verb not in OPTIONS:
        return {}
    found = {"--help": Flag("--help", takes_value=False)}
    for option in OPTIONS[verb].values():
        flag = Flag(option.name, takes_value=option.metavar is not None)
        found |= {spelling: flag for spelling in (option.name, option.short) if spelling}
    return found


def run(argv: Sequence[str]) -> int:
    """Run the command line and return its exit status. Raises SlimError."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name the terminal's charset lacks is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    if argv[:1] in (["__complete"], ["__completeNoDesc"]):
        described = argv[0] == "__complete" and not os.environ.get(completion.UNDESCRIBED)
        ours = completion.Ours(VERBS, own_flags, OPTIONS)
        sys.stdout.write(completion.complete(argv[1:], ours, described=described))
        return 0
    asked = invocation(argv)
    if asked.words == ("--version",):
        print(f"docker slim version {__version__}")
        return 0
    session = Session(asked.global_options)
    words = list(asked.words)
    verb = words[0]
    if verb in COMMAND_LAST and words != [verb, "--help"]:
        docker = docker_flags(client.create_flags()) if verb in DOCKER_OPTIONS else {}
        session.arguments = run_arguments(words[1:], own_flags(verb), docker, verb)
        image = [session.arguments.image] if session.arguments.image else []
        words = [verb, *session.arguments.own, "--", *image, *session.arguments.command]
        session.line = docker_line(session.global_options, verb, session.arguments)
    elif verb in OPTIONS:
        session.line = plain_line(session.global_options, words, own_flags(verb))
    if "--debug" in session.global_options and "verbose" in OPTIONS.get(verb, {}):
        words.insert(1, "--verbose")
    return _parsed(words, session)


def _parsed(words: Sequence[str], session: Session) -> int:
    parser: Any = typer.main.get_command(app)
    if not words[0].startswith("-") and words[0] not in parser.commands:
        nearest = difflib.get_close_matches(words[0], parser.commands, 1, 0.5)
        hint = f"docker slim {nearest[0]}, or: docker slim --help" if nearest else "docker slim --help"
        raise UsageError(f"cannot understand the command {words[0]!r}", hint=hint)
    try:
        status = parser.main(args=list(words), prog_name="docker slim", obj=session, standalone_mode=False)
    except Misread as error:
        said = str(getattr(error, "format_message", error.__str__)()).rstrip(".")
        usage = " ".join(("docker slim", words[0], getattr(parser.commands.get(words[0]), "usage", "COMMAND")))
        hint = f"{usage}, or: docker slim {words[0]} --help"
        raise UsageError(f"cannot understand the command line: {said[:1].lower()}{said[1:]}", hint=hint) from error
    return session.work() if session.work else int(status or 0)
