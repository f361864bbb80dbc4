"""Masking of a run's secrets in everything that is shown or stored.

The values of --env and --env-file reach only the container. In any other text of the run (a command, a response, a log
line) a value is replaced by ***, and so is the word after --password and similar options. Arguments of a process are
masked one by one, since blanks and quotes in them are part of a value; only a text within an argument has the words of
a shell. A trace, which is stored to be run again, contains the name of the variable instead; whoever runs it provides
the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cache

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.observation import ProbeResult, RunResult
from docker_slim_plugin.model.request import Exercise
from docker_slim_plugin.progress import Progress

MASK = "***"
MIN_SECRET, MIN_SUBSTRING = 4, 8
"""Minimum length in characters: shorter values are switches and no secrets; values shorter than the second are masked
as whole words only.
"""
MAX_ENV_FILE = 1 << 20
MAX_FOUND, MAX_FOUND_CHARACTERS = 32, 2048
"""Maximum number and length of all values that are found in arguments: every text is searched for each of them."""
_PORT = re.compile(r"[0-9]{1,5}")
_SECRET_NAME = r"(?:pass(?:word|wd|phrase)?|pwd|token|secret|credentials?|(?:api|access|secret|private|auth)[-_]?key)"  # noqa: S105
_SHELL_WORD = r"""(?:'[^']*+'|"[^"]*+"|[^\s'";&|)]++)"""
_SECRET_ARGUMENT = re.compile(
    # --password X, --db-password=X, --requirepass X; PGPASSWORD=X; ?token=X
    rf"((?<![\w-])-{{1,2}}[\w-]*?{_SECRET_NAME}(?:=|\s++(?!-)))({_SHELL_WORD})"
    rf"|((?<![\w-])\w*?{_SECRET_NAME}=)({_SHELL_WORD})"
    # Authorization: Bearer X
    r"|(authorization:\s*+(?:(?:basic|bearer|token)\s++)?+)([^\s'\"]++)"
    # curl -u NAME:X; https://NAME:X@HOST
    r"|((?<![\w-])-u\s++[^\s:'\"]{1,200}+:)(?![0-9]+(?:\s|$))([^\s'\"]++)"
    r"|(://[^\s/:@]{0,200}+:)([^\s/@]++)(?=@)",
    re.IGNORECASE,
)
_OPTION = re.compile(rf"-{{1,2}}[\w.:-]*?{_SECRET_NAME}", re.IGNORECASE)
_ASSIGNMENT = re.compile(rf"-{{0,2}}[\w.:-]*?{_SECRET_NAME}=", re.IGNORECASE)
_USER = re.compile(r"[^\s:'\"]{1,200}+:(?![0-9]+$)")
_HEADER = re.compile(r"authorization:\s*+(?:(?:basic|bearer|token)\s*+)?+", re.IGNORECASE)
_SCHEMES = ("basic", "bearer", "token")
_SHELLS = ("sh", "ash", "bash", "busybox", "dash", "ksh", "su", "zsh")
_SHELL_COMMAND = re.compile(r"-[A-Za-z]{0,8}c")
_GLUED = re.compile(r"(-[A-Za-z])(.+)", re.DOTALL)
"""-pVALUE: mysql has it, among others."""
_NAME_REFERENCE = re.compile(r"\*\*\*([A-Za-z_][A-Za-z0-9_]*)\*\*\*")


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets among the variables of a run."""

    values: tuple[tuple[str, str], ...] = ()
    """(NAME, VALUE) of each secret, longest value first; NAME is "" for one that was found in arguments."""

    def mask(self, text: str) -> str:
        """Return a text with the values masked."""
        return _values_pattern(self.values).sub(MASK, text) if self.values else text

    def mask_command(self, text: str) -> str:
        """Return a command with the values masked, and the words after options for passwords."""
        return _SECRET_ARGUMENT.sub(_mask_match, self.mask(text))

    def mask_arguments(self, argv: Sequence[str]) -> tuple[str, ...]:
        """Return the arguments of a process, masked one by one."""
        values = frozenset(value for _, value in self.values)
        masked: list[str] = []
        for argument, start in _find_starts(argv):
            glued = _GLUED.fullmatch(argument)
            if start is not None:
                masked.append(f"{self.mask(argument[:start])}{MASK}")
            elif glued and glued[2] in values:
                masked.append(f"{glued[1]}{MASK}")
            else:
                masked.append(self.mask_command(argument))
        return tuple(masked)

    def with_arguments(self, lines: Iterable[Sequence[str]]) -> Secrets:
        """Return these secrets and those that options for passwords have in command lines, the first MAX_FOUND."""
        names = {value: name for name, value in self.values}
        most, left = len(names) + MAX_FOUND, MAX_FOUND_CHARACTERS
        for part in (part for argv in lines for value in _find_values(argv) for part in _parts(value)):
            if part not in names and len(part) <= left and len(names) < most:
                names[part] = ""
                left -= len(part)
        return _sorted(names)

    def substitute_names(self, text: str) -> str:
        """Return a text with each value replaced by its name; `fill_values` reverses this."""
        names = {value: name for name, value in reversed(self.values)}
        return _values_pattern(self.values).sub(lambda match: f"***{names[match[0]]}***", text) if self.values else text


def _mask_match(match: re.Match[str]) -> str:
    before = next(part for part in match.groups()[::2] if part is not None)
    return f"{before}{MASK}"


@cache
def _values_pattern(values: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    return re.compile("|".join(_value_pattern(value) for _, value in values))


def _value_pattern(value: str) -> str:
    return re.escape(value) if len(value) >= MIN_SUBSTRING else rf"(?<!\w){re.escape(value)}(?!\w)"


def secrets_of(options: Iterable[str], environment: Mapping[str, str]) -> Secrets:
    """Return the secrets in docker's options; `environment` is that of the caller."""
    found: dict[str, str] = {}
    for name, value in variables(options, environment):
        # A key of several lines may appear line by line.
        found |= dict.fromkeys(_parts(value), name)
    return _sorted(found)


def _parts(value: str) -> Iterator[str]:
    """Yield what is to be masked of a value: a key of several lines may appear line by line."""
    parts = (value, *value.split("\n")) if "\n" in value else (value,)
    return (part for part in parts if len(part) >= MIN_SECRET and not _PORT.fullmatch(part))


def _sorted(names: Mapping[str, str]) -> Secrets:
    """Return the secrets of values and their names."""
    return Secrets(tuple(sorted(((name, value) for value, name in names.items()), key=lambda one: (-len(one[1]), one))))


def _find_starts(argv: Sequence[str]) -> Iterator[tuple[str, int | None]]:
    """Yield each argument, and where the secret begins that it ends with; None for an argument that is a text.

    An argument after --password is a secret even if it begins with a dash. Such a short one is taken for an option.
    """
    before, is_shell = "", False
    for argument in argv:
        start: int | None = None
        if _HEADER.fullmatch(before):
            if argument.lower() in _SCHEMES:
                yield argument, None
                continue
            start = 0
        elif _OPTION.fullmatch(before) and (len(argument) >= MIN_SECRET or not argument.startswith("-")):
            start = 0
        elif before == "-u" and (user := _USER.match(argument)):
            start = user.end()
        elif not (is_shell and _SHELL_COMMAND.fullmatch(before)) and (name := _ASSIGNMENT.match(argument)):
            start = name.end()
        yield argument, start if start is not None and start < len(argument) else None
        is_shell = is_shell or argument.rpartition("/")[2].lstrip("-") in _SHELLS
        before = argument


def _find_values(argv: Sequence[str]) -> Iterator[str]:
    """Yield the secrets in arguments, without those after -u NAME:, which may be groups."""
    before = ""
    for argument, start in _find_starts(argv):
        if start is not None and before != "-u":
            yield argument[start:]
        yield from _find_values_in_text(argument)
        before = argument


def _find_values_in_text(text: str) -> Iterator[str]:
    for match in _SECRET_ARGUMENT.finditer(text):
        named, assigned, header, _, url = match.groups()[1::2]
        value = next((one for one in (named, assigned, header, url) if one), "").strip("'\"")
        # A reference of the shell is no value.
        if not value.startswith("$"):
            yield value


def variables(options: Iterable[str], environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (NAME, VALUE) of all --env and --env-file options, as docker run evaluates them."""
    for option in options:
        name, _, value = option.partition("=")
        for given in (value,) if name == "--env" else env_file(value) if name == "--env-file" else ():
            variable, equals, content = given.partition("=")
            if equals:
                yield variable, content
            elif variable in environment:
                yield variable, environment[variable]


def env_file(name: str) -> tuple[str, ...]:
    """Return the relevant lines of an --env-file; none when it cannot be read, which docker reports."""
    try:
        with open(name, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            lines = file.read(MAX_ENV_FILE).split("\n")
    except OSError:
        return ()
    stripped = (line.removesuffix("\r").lstrip() for line in lines)
    return tuple(line for line in stripped if line and not line.startswith("#"))


def repeatable_options(options: Sequence[str]) -> Iterator[str]:
    """Yield docker's options so that the user can repeat them: without values of --env, which docker reads again."""
    for option in options:
        name, _, value = option.partition("=")
        if name == "--env":
            yield from ("-e", value.partition("=")[0])
        elif name == "--env-file":
            yield from (name, value)
        else:
            yield option


def mask_result(result: RunResult, secrets: Secrets) -> RunResult:
    """Return a result with its texts masked.

    The targets of HTTP requests are not masked, since they are requested again. Commands that become equal are
    numbered.
    """
    seen: dict[tuple[str, str], int] = {}
    probes: list[ProbeResult] = []
    for probe in result.probes:
        target = probe.target
        if not probe.kind.startswith("http"):
            target = secrets.mask_command(target)
            if target != probe.target:
                number = seen[probe.kind, target] = seen.get((probe.kind, target), 0) + 1
                target += f" #{number}" if number > 1 else ""
        probes.append(
            replace(probe, target=target, output=secrets.mask(probe.output), detail=secrets.mask(probe.detail))
        )
    return replace(result, probes=tuple(probes), output=secrets.mask(result.output))


@contextmanager
def masked_errors(secrets: Secrets) -> Iterator[None]:
    """Mask the secrets in errors that are raised in the block."""
    try:
        yield
    except SlimError as error:
        error.args = (secrets.mask_command(str(error)),)
        error.hint = secrets.mask(error.hint)
        raise


class MaskingProgress:
    """A Progress that masks secrets."""

    def __init__(self, progress: Progress, secrets: Secrets) -> None:
        self._progress = progress
        self._mask = secrets.mask_command
        self.count = progress.count

    def step(self, name: str) -> AbstractContextManager[None]:
        return self._progress.step(self._mask(name))

    def warn(self, text: str) -> None:
        self._progress.warn(self._mask(text))

    def note(self, text: str) -> None:
        self._progress.note(self._mask(text))


def strip_values(exercise: Exercise, environment: Mapping[str, str]) -> Exercise:
    """Return an exercise as a trace stores it: with the names of variables and without their values."""
    secrets = secrets_of(exercise.docker_options, environment)
    options: list[str] = []
    for option in exercise.docker_options:
        if option.startswith(("--env=", "--env-file=")):
            options += [f"--env={name}" for name, _ in variables([option], environment)]
        else:
            options.append(secrets.substitute_names(option))
    return replace(
        exercise,
        docker_options=tuple(options),
        command=tuple(map(secrets.substitute_names, exercise.command)),
        http=tuple(map(secrets.substitute_names, exercise.http)),
        exec_=tuple(map(secrets.substitute_names, exercise.exec_)),
        host_exec=tuple(map(secrets.substitute_names, exercise.host_exec)),
    )


def fill_values(exercise: Exercise, environment: Mapping[str, str]) -> Exercise:
    """Return a stored exercise with the values of its variables; SlimError with the names of missing ones."""
    names = [one.removeprefix("--env=") for one in exercise.docker_options if one.startswith("--env=")]
    wanted = [name for name in dict.fromkeys(names) if "=" not in name]
    if missing := [name for name in wanted if name not in environment]:
        raise SlimError(
            f"cannot run the app of the trace without {', '.join(missing)}: a trace contains no values",
            hint=f"-e {missing[0]}=VALUE, --env-file FILE, or export {missing[0]}; --no-verify runs nothing",
        )

    def substitute_values(text: str) -> str:
        return _NAME_REFERENCE.sub(lambda match: environment[match[1]] if match[1] in wanted else match[0], text)

    return replace(
        exercise,
        docker_options=tuple(
            f"{one}={environment[one.removeprefix('--env=')]}"
            if one.startswith("--env=") and one.removeprefix("--env=") in wanted
            else substitute_values(one)
            for one in exercise.docker_options
        ),
        command=tuple(map(substitute_values, exercise.command)),
        http=tuple(map(substitute_values, exercise.http)),
        exec_=tuple(map(substitute_values, exercise.exec_)),
        host_exec=tuple(map(substitute_values, exercise.host_exec)),
    )
