"""The Typer application, and the session that a command line fills.

Typer parses the line and prints help. A command only returns its work, which starts after Typer has returned, so that
Typer's error handling cannot hide the traceback of a bug.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import typer

from docker_slim_plugin.cli.arguments import RunArguments
from docker_slim_plugin.cli.help import Commands

PLAIN = {"help_option_names": ["--help"], "max_content_width": 110}
"""No -h below the top: it is docker run's --hostname."""
app = typer.Typer(
    name="docker slim",
    cls=Commands,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=PLAIN,
)


Misread: type[Exception] = typer.BadParameter.__bases__[0]
"""Typer's exception for a wrong command line: click's UsageError. Typer has its own copy of click since 0.2x."""


Work = Callable[[], int]
"""What a command does once its line is parsed; returns the exit status."""


@dataclass
class Session:
    """Input and result of parsing: a mutable record that is filled while Typer parses."""

    global_options: tuple[str, ...]
    arguments: RunArguments = field(default_factory=lambda: RunArguments((), (), "", ()))
    line: tuple[str, ...] = ()
    """The command line as it can be repeated, without values of variables."""
    work: Work | None = None


@app.callback()
def top() -> None:
    """Make slim images by watching what an app really needs.

    \b
    docker slim run nginx                         run it, write nginx:latest-slim
    docker slim run --http 8080/health app:1.2    ask the app this meanwhile
    docker slim pack build:1 /usr/local/bin/app   take a program out of an image
    """  # noqa: D301
