"""The command line as a report stores it: words that can be repeated, without values of variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from docker_slim_plugin.cli.arguments import Flag, RunArguments, take, token
from docker_slim_plugin.engine.secrets import repeatable_options
from docker_slim_plugin.errors import UsageError


def docker_line(global_options: Sequence[str], verb: str, given: RunArguments) -> tuple[str, ...]:
    """Return the line of a command that takes docker's options."""
    options = (*map(_without_value, given.own), *repeatable_options(given.docker))
    return ("docker", *global_options, "slim", verb, *options, given.image, *given.command)


def plain_line(global_options: Sequence[str], words: Sequence[str], own: Mapping[str, Flag]) -> tuple[str, ...]:
    """Return the line of another command; `words` begin with it.

    Options may stand behind arguments. A line that will be refused is returned in part.
    """
    line, pending = list(words[:1]), list(words[1:])
    while pending:
        try:
            taken, index = take(pending, own, f"docker slim {words[0]}")
        except UsageError:
            break
        line += [_without_value(token(flag, value)) for flag, value in taken]
        if pending[:index][-1:] == ["--"]:
            line += ["--", *pending[index:]]
            break
        line += pending[index : index + 1]
        pending = pending[index + 1 :]
    return ("docker", *global_options, "slim", *line)


def _without_value(option: str) -> str:
    """Return one of our options; of --env=NAME=VALUE the name alone, which takes its value from the environment."""
    name, _, value = option.partition("=")
    return f"{name}={value.partition('=')[0]}" if name == "--env" else option
