"""What all commands share: the Typer application they register with, and what a command line leaves behind.

Typer parses and explains; a command only says what is to be done, and the work starts after Typer has returned, so
that none of its own error handling stands between a bug and its traceback.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import typer
import typer.core

from docker_slim_plugin.cli import screen, values
from docker_slim_plugin.cli.arguments import RunArguments
from docker_slim_plugin.errors import UsageError

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


DOCKERS = "All options of docker run are taken as well (docker run --help), before IMAGE, and mean the same."


Misread: type[Exception] = typer.BadParameter.__bases__[0]
"""What Typer raises about a command line: click's UsageError, which it has brought with it since 0.2x."""


def spelled(words: str) -> type[typer.core.TyperCommand]:
    """Return the class of a command whose usage line is spelled as docker spells its own."""

    class Spelled(typer.core.TyperCommand):
        usage = words

        def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002
            return [words]

    return Spelled


AS_DOCKER_RUN = spelled("[OPTIONS] IMAGE [COMMAND [ARG...]]")


@dataclass
class Session:
    """What the commands need to know, and what they leave behind: the one mutable record, filled while Typer parses."""

    global_options: tuple[str, ...]
    arguments: RunArguments = field(default_factory=lambda: RunArguments((), (), "", ()))
    work: Callable[[], int] | None = None


@app.callback()
def top() -> None:
    """Make slim images by watching what an app really needs."""


def form_of(value: str) -> str:
    """Return how the result is printed: table or json, docker's own `{{json .}}` included."""
    if value.replace(" ", "") == "{{json.}}":
        return "json"
    if "{{" in value:
        raise UsageError(
            f"cannot use --format {value}: no template is known but {{{{json .}}}}",
            hint="--format json, and jq: docker slim run --format json IMAGE | jq -r '.Images[].ID'",
        )
    return values.chosen("--format", value)


def shown(
    session: Session, *, form: str = "table", quiet: bool = False, verbose: bool = False, iidfile: str = ""
) -> screen.Shown:
    """Return how the user wants to see it; UsageError when that cannot be."""
    return screen.Shown(
        form=form_of(form),
        quiet=quiet,
        verbose=verbose or "--debug" in session.global_options,
        iidfile=values.file(iidfile),
    )
