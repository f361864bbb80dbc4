"""What the values of our options may be, and what they mean; UsageError says what else to write."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping

from docker_slim_plugin.base.file_kinds import NAMES
from docker_slim_plugin.engine.secrets import env_file
from docker_slim_plugin.errors import SlimError, UsageError
from docker_slim_plugin.host import output_file
from docker_slim_plugin.model.plan import Selection
from docker_slim_plugin.observe.trace_format import MAX_SECONDS
from docker_slim_plugin.resolve.presets import PRESETS

CHOICES: dict[str, tuple[str, ...]] = {
    "--format": ("table", "json"),
    "--no-hint": tuple(sorted(PRESETS)),
    "--output": ("layered", "squashed", "layered,squashed", "tar=", "oci=", "context=", "context=-"),
    "--pull": ("missing", "always", "never"),
    "--shell": ("busybox",),
    "--tracer": ("auto", "seccomp", "syscall", "off"),
    "--until": ("probes", "exit", "enter"),
    "--watch": ("auto", "fanotify", "inotify", "off"),
}
"""What an option may be, as completion offers it and the checks below hold it to."""
LISTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("base", "--drop"): ("usual", "all", *NAMES),
    ("base", "--no-drop"): NAMES,
}
"""What a command's option may be several of, with commas between, as completion offers it."""
FILES = frozenset({"--iidfile", "--trace"})
STDOUT = frozenset({"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
"""Names of standard output, which is spelled "-" here."""
FILE_FORMS = ("tar", "oci", "context")


def chosen(option: str, value: str) -> str:
    """Return `value` if `option` may be that; UsageError otherwise."""
    if value not in CHOICES[option]:
        raise UsageError(f"cannot use {option} {value}", hint=f"{option} {'|'.join(CHOICES[option])}")
    return value


def until(value: str) -> str:
    """Return when to stop watching: a word, or a positive number of seconds."""
    if value == "enter" and not sys.stdin.isatty():
        raise UsageError("cannot wait for enter: standard input is no terminal", hint="--until SECONDS")
    if value in CHOICES["--until"]:
        return value
    if not re.fullmatch(r"\d+(\.\d{1,30})?", value, re.ASCII) or not 0 < float(value) <= MAX_SECONDS - 1:
        raise UsageError(f"cannot use --until {value}", hint="--until probes|exit|enter|SECONDS")
    return value


def shell(value: str) -> str:
    """Return what --shell names: busybox, or an image called that."""
    if value and not re.fullmatch(r"(?:[a-z0-9._:-]+/)*busybox(?::[\w.-]+)?", value):
        raise UsageError(f"cannot add {value} as a shell", hint="--shell busybox, or --shell busybox:TAG")
    return value


def selection(
    keep: list[str] | None,
    keep_package: list[str] | None,
    keep_all_of: list[str] | None,
    drop: list[str] | None,
    no_hint: list[str] | None,
) -> Selection:
    """Return what the user asks to keep and to drop."""
    return Selection(
        keep=tuple(keep or ()),
        keep_packages=tuple(keep_package or ()),
        keep_all_of=tuple(keep_all_of or ()),
        drop=tuple(drop or ()),
        hints_off=frozenset(chosen("--no-hint", hint) for hint in no_hint or ()),
    )


def requests(http: list[str] | None, no_http: bool) -> tuple[str, ...]:  # noqa: FBT001
    """Return the HTTP requests that are asked for; UsageError where there are to be none at all."""
    if no_http and http:
        raise UsageError("cannot use --http and --no-http together", hint="leave one of them out")
    return tuple(http or ())


def timeout(seconds: float) -> float:
    """Return the seconds if they are more than none, and fewer than for ever."""
    if not 0 < seconds <= MAX_SECONDS:
        raise UsageError(f"cannot use --timeout {seconds:g}", hint=f"--timeout SECONDS, up to {MAX_SECONDS}")
    return seconds


def runs(number: int) -> int:
    """Return how often the app is to run, if that is at least once."""
    if number not in range(1, 101):
        raise UsageError(f"cannot use --runs {number}", hint="--runs N, from 1 to 100")
    return number


def file(name: str) -> str:
    """Return the file's name if one can be written there, or there is none; SlimError otherwise."""
    try:
        if name:
            output_file.check(name)
    except FileNotFoundError as error:
        raise UsageError(f"cannot write {name}: there is no such directory", hint="make the directory first") from error
    except OSError as error:
        raise SlimError(f"cannot write {name}: {error.strerror}", hint="name another file") from error
    return name


def outputs(values: list[str] | None, default: str = "layered,squashed") -> tuple[str, ...]:
    """Return the forms to write; commas and repetition both separate them."""
    forms = tuple(form for value in values or (default,) for form in value.split(",") if form)
    for form in forms:
        name, _, target = form.partition("=")
        if name not in ("layered", "squashed", *FILE_FORMS) or bool(target) != (name in FILE_FORMS):
            raise UsageError(f"cannot write {form}", hint="--output layered,squashed,tar=FILE,oci=FILE,context=DIR")
    # The result is not to be written behind a tar.
    named = (form.partition("=") for form in forms)
    forms = tuple(f"{name}=-" if target in STDOUT else f"{name}{equals}{target}" for name, equals, target in named)
    return tuple(dict.fromkeys(forms))


def on_base(forms: tuple[str, ...], base: str, given: list[str] | None) -> tuple[str, ...]:
    """Return what is to be written when there may be a base: only layers can lie on layers."""
    if not base:
        return forms
    if given and "squashed" in forms:
        hint = "--output layered, or leave --base out"
        raise UsageError("cannot squash an image on a base: it would share nothing any more", hint=hint)
    return tuple(form for form in forms if form != "squashed")


def words(option: str, value: str | None) -> tuple[str, ...] | None:
    """Return a command given as a JSON array, or as words with a shell's quotes; no shell will read it."""
    if value is None:
        return None
    try:
        if value.lstrip().startswith("["):
            found = json.loads(value)
            if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
                raise ValueError("not an array of strings")  # noqa: TRY301
            return tuple(found)
        return tuple(shlex.split(value))
    except ValueError as error:
        hint = f"""{option} 'nginx -g "daemon off;"', or {option} '["nginx","-g","daemon off;"]'"""
        raise UsageError(f"cannot read {option} {value!r}: {error}", hint=hint) from error


def ports(values: list[str] | None) -> tuple[str, ...]:
    """Return the ports of --expose as PORT/PROTOCOL, ranges spelled out."""
    found: list[str] = []
    for value in values or ():
        match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?", value.lower(), re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if match is None or not 1 <= first <= last < 1 << 16:
            raise UsageError(f"cannot use --expose {value}", hint="--expose 80, --expose 53/udp, --expose 8000-8010")
        found += [f"{port}/{match[3] or 'tcp'}" for port in range(first, last + 1)]
    return tuple(dict.fromkeys(found))


def env_files(names: list[str] | None) -> tuple[str, ...]:
    """Return the variables of --env-file, as docker run reads such files; UsageError where one cannot be read."""
    for name in names or ():
        if not os.access(name, os.R_OK) or os.path.isdir(name):
            raise UsageError(f"cannot read {name}", hint="--env-file FILE")
    return tuple(line for name in names or () for line in env_file(name) if not line.startswith("="))


def variables(values: list[str] | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return NAME=VALUE of each --env; a name alone takes the value that it has here, as docker run does."""
    found: list[str] = []
    for value in values or ():
        name, equals, _ = value.partition("=")
        if not name:
            raise UsageError(f"cannot use --env {value}", hint="--env NAME=VALUE")
        if equals:
            found.append(value)
        elif name in environment:
            found.append(f"{name}={environment[name]}")
    return tuple(found)
