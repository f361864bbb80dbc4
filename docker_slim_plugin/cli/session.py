"""What all commands share: the Typer application they register with, and what a command line leaves behind.

Typer parses and explains; a command only says what is to be done, and the work starts after Typer has returned, so
that none of its own error handling stands between a bug and its traceback.
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
"""What Typer raises about a command line: click's UsageError, which it has brought with it since 0.2x."""


Work = Callable[[], int]
"""What a command does once its line is parsed; returns the exit status."""


@dataclass
class Session:
    """What the commands need to know, and what they leave behind: the one mutable record, filled while Typer parses."""

    global_options: tuple[str, ...]
    arguments: RunArguments = field(default_factory=lambda: RunArguments((), (), "", ()))
    work: Work | None = None


@app.callback()
def top() -> None:
    """Make slim images by watching what an app really needs.

    \b
    docker slim run nginx                         run it, watch it, write nginx:latest-slim
    docker slim run --http 8080/health app:1.2    ask the app this while it is watched
    docker slim pack build:1 /usr/local/bin/app   take a program out of an image; nothing is run
    """  # noqa: D301
