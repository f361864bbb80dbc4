"""Completion by cobra's `__complete` protocol, which docker uses for its plugins.

The last word is the word to complete; it may be empty. The answer has one candidate on each line, followed by a tab and
a description. The last line is ":N", a bit set for the shell (cobra's ShellCompDirective).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from docker_slim_plugin.cli import client
from docker_slim_plugin.cli.arguments import (
    CONTAINERS,
    DOCKER_OPTIONS,
    GLOBAL,
    IMAGES,
    SEVERAL_IMAGES,
    Flag,
    docker_flags,
    flags,
    take,
    token,
)
from docker_slim_plugin.cli.declare import Option
from docker_slim_plugin.errors import SlimError, UsageError

UNDESCRIBED = "DOCKER_CLI_DISABLE_COMPLETION_DESCRIPTION"
"""With any value, candidates have no descriptions (docker/cli, cmd/docker/docker.go)."""
DEFAULT, NO_SPACE, NO_FILES = 0, 2, 4
_TIMEOUT = 3.0
"""Seconds to wait for the engine, as the user waits for the shell."""
_LISTS = {
    "--network": ("network", "ls", "--format", "{{.Name}}"),
    "--volumes-from": ("container", "ls", "--all", "--format", "{{.Names}}"),
    "--link": ("container", "ls", "--format", "{{.Names}}"),
}
_IMAGES = frozenset({"--base", "--fail-if-larger-than", "--image"})
"""Options whose value is the name of an image."""
_DOCKER_CHOICES = {"--pull": ("always", "missing", "never")}

Answer = tuple[list[tuple[str, str]], int]
"""(candidate, description) pairs, and the directive."""


@dataclass(frozen=True, slots=True)
class Ours:
    """Our commands and their options."""

    verbs: Mapping[str, str]
    """{command: first line of its help}."""
    flags: Callable[[str], Mapping[str, Flag]]
    options: Mapping[str, Mapping[str, Option]]
    """By command."""

    def option(self, verb: str, name: str) -> Option | None:
        """Return the option of a command by its long spelling."""
        return next((one for one in self.options.get(verb, {}).values() if one.name == name), None)

    def help(self, verb: str) -> dict[str, str]:
        """Return {long spelling: first sentence of its help}."""
        return {one.name: re.split(r"[.:;(] ?", one.help)[0] for one in self.options.get(verb, {}).values()}


def complete(
    words: Sequence[str],
    ours: Ours,
    *,
    described: bool = True,
) -> str:
    """Return the answer to `__complete WORDS...`. After any error it has no candidates."""
    *before, current = words or [""]
    try:
        taken, index = take(before, GLOBAL, "docker slim")
        rest = before[index:]
        rest = rest[1:] if rest[:1] == ["slim"] else rest
        found, directive = _candidates(rest, current, ours, [token(*pair) for pair in taken])
    except SlimError:
        found, directive = [], NO_FILES
    lines = [f"{word}\t{text}" if text and described else word for word, text in found if word.startswith(current)]
    return "\n".join([*lines, f":{directive}"]) + "\n"


def _candidates(
    before: Sequence[str],
    current: str,
    ours: Ours,
    global_options: Sequence[str],
) -> Answer:
    if not before:
        return list(ours.verbs.items()), NO_FILES
    own = ours.flags(before[0])
    theirs = _docker() if before[0] in DOCKER_OPTIONS else {}
    known = {**{name: flag for name, (flag, _) in theirs.items()}, **own}
    descriptions = {**{name: text for name, (_, text) in theirs.items()}, **ours.help(before[0])}
    name, equals, _ = current.partition("=")
    if current.startswith("--") and equals:
        if name not in known:
            return [], NO_FILES
        own_option = ours.option(before[0], known[name].name)
        return _values(known[name].name, own_option, global_options, current, f"{name}=")
    try:
        taken, index = take(before[1:], known, "docker slim")
    except UsageError:
        last = before[-1]  # an option without its value yet, or an unknown one
        spelled = last if last.startswith("--") else f"-{last[-1:]}"
        waiting = known.get(spelled)
        if not waiting or not waiting.takes_value:
            return [], NO_FILES
        return _values(waiting.name, ours.option(before[0], waiting.name), global_options, current)
    arguments = before[1 + index :]
    if arguments:
        return _further(before[0], arguments, current, [token(*pair) for pair in taken], global_options)
    if current.startswith("-"):
        return [(name, descriptions.get(name, "")) for name in sorted(known) if name.startswith("--")], NO_FILES
    if before[0] in CONTAINERS:
        return _containers(global_options), NO_FILES
    return (_images(global_options), NO_FILES) if before[0] in IMAGES else ([], NO_FILES)


def _further(
    verb: str, arguments: Sequence[str], current: str, own: Sequence[str], global_options: Sequence[str]
) -> Answer:
    """Return the candidates for a second or later argument."""
    if verb in SEVERAL_IMAGES:
        return _images(global_options), NO_FILES
    if verb != "why":
        return [], DEFAULT
    from docker_slim_plugin.report import suggestions  # noqa: PLC0415 (only here)

    report = next((one.partition("=")[2] for one in own if one.startswith("--report=")), "")
    found = suggestions.paths(arguments[0], current, os.environ, report)
    is_open = any(path.endswith("/") for path in found)
    return [(path, "") for path in found], NO_SPACE | NO_FILES if is_open else NO_FILES


def _docker() -> dict[str, tuple[Flag, str]]:
    """Return {spelling: (Flag, first line of its description)} of docker run."""
    help_text = client.ask(["create", "--help"], timeout=_TIMEOUT) or ""
    found = {name: (flag, "") for name, flag in docker_flags(flags(help_text)).items()}
    for line in help_text.splitlines():
        for name in flags(line):
            found[name] = (found[name][0], line.rpartition("   ")[2].strip())
    return found


def _values(name: str, own: Option | None, global_options: Sequence[str], current: str, prefix: str = "") -> Answer:
    if own and own.is_list:
        words = current.removeprefix(prefix).split(",")[:-1]
        head = prefix + "".join(f"{word}," for word in words)
        return [(head + word, "") for word in own.choices if word not in words], NO_SPACE | NO_FILES
    choices: Sequence[str] = (own.choices if own else ()) or _DOCKER_CHOICES.get(name) or ()
    if name in _IMAGES:
        return [(prefix + image, size) for image, size in _images(global_options)], NO_FILES
    if name in _LISTS:
        choices = (client.ask([*global_options, *_LISTS[name]], timeout=_TIMEOUT) or "").split()
    if choices:
        open_ended = any(choice.endswith("=") for choice in choices)
        return [(prefix + choice, "") for choice in choices], NO_SPACE | NO_FILES if open_ended else NO_FILES
    return [], DEFAULT


def _images(global_options: Sequence[str]) -> list[tuple[str, str]]:
    listed = client.ask(
        [*global_options, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}\t{{.Size}}"], timeout=_TIMEOUT
    )
    return sorted(_pairs(listed or ""))


def _containers(global_options: Sequence[str]) -> list[tuple[str, str]]:
    arguments = ["container", "ls", "--format", "{{.Names}}\t{{.Image}}"]
    listed = client.ask([*global_options, *arguments], timeout=_TIMEOUT) or ""
    return [(name, image) for name, _, image in (line.partition("\t") for line in sorted(listed.splitlines()))]


def _pairs(listed: str) -> Iterator[tuple[str, str]]:
    for line in listed.splitlines():
        name, _, size = line.partition("\t")
        if "<none>" not in name:
            yield name.removesuffix(":latest"), size
