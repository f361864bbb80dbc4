"""Help as docker prints it: commands in the order of use, options in groups."""

from __future__ import annotations

import re
from typing import Any

import typer.core

_TYPE, _REQUIRED = re.compile(r" <[^>]*>$"), re.compile(r"  \[required\]$")
"""What Typer adds to an argument, and the usage line says already."""
COMMANDS = {
    "Make images": ("run", "pack", "base", "squash"),
    "Observe first, build later": ("trace", "attach", "build"),
    "Restrict": ("profile",),
    "Look": ("why", "diff", "report", "layers", "xray"),
    "Get in": ("debug",),
    "Keep house": ("doctor", "prune", "version", "install-plugin", "uninstall-plugin"),
}
"""Titles and commands, in the order in which help shows them."""


class Commands(typer.core.TyperGroup):
    """The top of the command line."""

    def list_commands(self, ctx: Any) -> list[str]:
        order = [name for names in COMMANDS.values() for name in names]
        return sorted(super().list_commands(ctx), key=lambda name: order.index(name) if name in order else len(order))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        shown = {name: str(self.commands[name].short_help or "") for name in self.list_commands(ctx)}
        for title, names in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, shown.pop(name)) for name in names])
        if shown:
            with formatter.section("Other commands"):
                formatter.write_dl(list(shown.items()))


def spelled(words: str) -> type[typer.core.TyperCommand]:
    """Return the class of a command whose usage line is `words`, and whose options stand in their groups."""

    class Spelled(typer.core.TyperCommand):
        usage = words

        def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002
            return [words]

        def format_options(self, ctx: Any, formatter: Any) -> None:
            sections: dict[str, list[tuple[str, str]]] = {}
            for parameter in self.get_params(ctx):
                row = parameter.get_help_record(ctx)
                if row and parameter.param_type_name == "argument":
                    sections.setdefault("Arguments", []).append((_TYPE.sub("", row[0]), _REQUIRED.sub("", row[1])))
                elif row:
                    sections.setdefault(getattr(parameter, "rich_help_panel", None) or "Options", []).append(row)
            for title, rows in sections.items():
                with formatter.section(title):
                    formatter.write_dl(rows)

    return Spelled
