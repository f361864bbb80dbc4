"""The commands that a program's own help lists, for advice to the user. They are shown, and never run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

MAX_LINES, MAX_LINE = 400, 300
SHOWN = 3
_USAGE = re.compile(r"(?i)\busage:|^usage\b|(?:^|\s)--help\b", re.MULTILINE)
_COMMAND = re.compile(r"[ \t]{1,12}+([a-z][a-z0-9_:-]{1,30}+)(?:, [a-z0-9_-]++)*+[ \t]{2,}+\S")
"""A line of a list of commands: indented, a name, at least two blanks, and a description."""
_NO_COMMANDS = frozenset({"usage", "options", "commands", "arguments", "help", "version"})


def is_usage(text: str) -> bool:
    """Tell whether a text says how a program is used."""
    return _USAGE.search(text) is not None


def find_commands(text: str) -> tuple[str, ...]:
    """Return the first names of commands that a help text lists."""
    return tuple(islice(dict.fromkeys(_commands(text)), SHOWN))


def _commands(text: str) -> Iterator[str]:
    for line in text.split("\n")[:MAX_LINES]:
        match = _COMMAND.match(line[:MAX_LINE])
        if match and match[1] not in _NO_COMMANDS:
            yield match[1]
