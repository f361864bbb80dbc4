"""Checks and conversions of option values. A wrong value raises UsageError, which names right ones."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from docker_slim_plugin.engine.secrets import env_file
from docker_slim_plugin.errors import SlimError, UsageError
from docker_slim_plugin.host import output_file
from docker_slim_plugin.model.request import CONFINED, DOCUMENT_FORMS, ENGINE_FORMS, FILE_FORMS
from docker_slim_plugin.model.sizes import parse_size
from docker_slim_plugin.observe.trace_format import MAX_SECONDS

UNTIL = ("probes", "exit", "enter")
STDOUT = frozenset({"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
"""Names of standard output. They are replaced by "-"."""


def until(value: str) -> str:
    """Return the value of --until: a word, or a positive number of seconds."""
    if value == "enter" and not sys.stdin.isatty():
        raise UsageError("cannot wait for enter: standard input is no terminal", hint="--until SECONDS")
    if value in UNTIL:
        return value
    if not re.fullmatch(r"\d+(\.\d{1,30})?", value, re.ASCII) or not 0 < float(value) <= MAX_SECONDS - 1:
        raise UsageError(f"cannot use --until {value}", hint="--until probes|exit|enter|SECONDS")
    return value


def allowed(words: Sequence[str]) -> tuple[str, ...]:
    """Return the values of --allow, if each can be read."""
    from docker_slim_plugin.profile.switches import read_allowed  # noqa: PLC0415 (only where there is one)

    read_allowed(words)
    return tuple(words)


def shell(value: str) -> str:
    """Return the value of --shell: busybox, or the name of such an image."""
    if value and not re.fullmatch(r"(?:[a-z0-9._:-]+/)*busybox(?::[\w.-]+)?", value):
        raise UsageError(f"cannot add {value} as a shell", hint="--shell busybox, or --shell busybox:TAG")
    return value


def timeout(seconds: float) -> float:
    """Return the seconds if they are positive and finite."""
    if not 0 < seconds <= MAX_SECONDS:
        raise UsageError(f"cannot use --timeout {seconds:g}", hint=f"--timeout SECONDS, up to {MAX_SECONDS}")
    return seconds


def size_limit(text: str) -> str:
    """Return a size as docker prints it, if it is one, or if it is empty."""
    try:
        if text:
            parse_size(text)
    except ValueError as error:
        raise UsageError(f"cannot use --fail-over {text}", hint="--fail-over SIZE: 50MB, 1.5GB, 800kB") from error
    return text


def runs(number: int) -> int:
    """Return the number of runs if it is from 1 to 100."""
    if number not in range(1, 101):
        raise UsageError(f"cannot use --runs {number}", hint="--runs N, from 1 to 100")
    return number


def input_file(name: str) -> str:
    """Return the name of a file if it can be read, or if it is empty. Raises UsageError."""
    if name and (not os.access(name, os.R_OK) or os.path.isdir(name)):
        raise UsageError(f"cannot read {name}", hint="name a file that exists")
    return name


def file(name: str) -> str:
    """Return the name of a file if it can be written, or if it is empty. Raises SlimError."""
    try:
        if name:
            output_file.check(name)
    except FileNotFoundError as error:
        raise UsageError(f"cannot write {name}: there is no such directory", hint="make the directory first") from error
    except OSError as error:
        raise SlimError(f"cannot write {name}: {error.strerror}", hint="name another file") from error
    return name


def page(name: str) -> str:
    """Return the name of a file that can be written; "-" for standard output. Raises SlimError."""
    return "-" if name in STDOUT or name == "-" else file(name)


def listed(values: Sequence[str]) -> tuple[str, ...]:
    """Return the words. They are separated by commas or given in several options."""
    return tuple(dict.fromkeys(word for value in values for word in value.split(",") if word))


def chosen(option: str, values: Sequence[str], choices: Sequence[str]) -> tuple[str, ...]:
    """Return the words, of which each must be one of `choices`. They are separated as for `listed`."""
    words = listed(values)
    for word in words or [""]:
        if word not in choices:
            raise UsageError(f"cannot use {option} {word!r}", hint=f"{option} {','.join(choices)}, or some of them")
    return words


def outputs(values: Sequence[str], engine_forms: Sequence[str] = ENGINE_FORMS) -> tuple[str, ...]:
    """Return the forms to write. They are separated by commas or given in several options."""
    forms = listed(values)
    for form in forms:
        name, _, target = form.partition("=")
        if name not in (*engine_forms, *FILE_FORMS) or bool(target) != (name in FILE_FORMS):
            hint = "--output layered,squashed,tar=FILE,oci=FILE,context=DIR,sbom=FILE,spdx=FILE,vex=FILE"
            raise UsageError(f"cannot write {form}", hint=hint)
    # Otherwise the printed result would follow the tar on standard output.
    named = (form.partition("=") for form in forms)
    forms = tuple(f"{name}=-" if target in STDOUT else f"{name}{equals}{target}" for name, equals, target in named)
    return tuple(dict.fromkeys(forms))


def confinable_outputs(values: Sequence[str]) -> tuple[str, ...]:
    """Return the forms to write, where an image can be confined."""
    return outputs(values, (*ENGINE_FORMS, CONFINED))


def confined_allowed(values: Sequence[str]) -> tuple[str, ...]:
    """Return the values of --allow: write=PATH, bind=PORT, connect=PORT, udp."""
    for value in values:
        name, _, what = value.partition("=")
        is_port = re.fullmatch(r"\d{1,5}", what, re.ASCII) is not None and int(what) < 1 << 16
        is_path = what.startswith("/") and "\0" not in what
        if not {"write": is_path, "bind": is_port, "connect": is_port, "udp": value == "udp"}.get(name, False):
            raise UsageError(f"cannot allow {value}", hint="--allow write=/PATH, bind=PORT, connect=PORT, udp")
    return tuple(dict.fromkeys(values))


def check_documents(given: Mapping[str, Any], images: Sequence[str]) -> dict[str, Any]:
    """Return the values of an output group, with the usual images where only documents are named.

    A document is about an image, so it does not replace the images. Raises UsageError.
    """
    names = {form.partition("=")[0] for form in given.get("outputs", ())}
    if "vex" in names and not given.get("vex_for"):
        hint = "--vex-for FILE: a scanner's report about the source, or lines: CVE-2026-1234 pkg:deb/debian/bash@5.2"
        raise UsageError("cannot write a VEX file without vulnerabilities", hint=hint)
    if given.get("vex_for") and "vex" not in names:
        raise UsageError("cannot use --vex-for without a VEX file", hint="--output vex=FILE")
    if names and names <= set(DOCUMENT_FORMS):
        return {**given, "outputs": (*images, *given["outputs"])}
    return dict(given)


def words(option: str, value: str | None) -> tuple[str, ...] | None:
    """Return the words of a command: a JSON array, or words with shell quotes. No shell interprets it."""
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


def ports(values: Sequence[str]) -> tuple[str, ...]:
    """Return the ports of --expose as PORT/PROTOCOL, one for each port of a range."""
    found: list[str] = []
    for value in values:
        match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?", value.lower(), re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if match is None or not 1 <= first <= last < 1 << 16:
            raise UsageError(f"cannot use --expose {value}", hint="--expose 80, --expose 53/udp, --expose 8000-8010")
        found += [f"{port}/{match[3] or 'tcp'}" for port in range(first, last + 1)]
    return tuple(dict.fromkeys(found))


def env_files(names: Sequence[str]) -> tuple[str, ...]:
    """Return the variables of --env-file, parsed as docker run does. Raises UsageError if a file cannot be read."""
    for name in names:
        if not os.access(name, os.R_OK) or os.path.isdir(name):
            raise UsageError(f"cannot read {name}", hint="--env-file FILE")
    return tuple(line for name in names for line in env_file(name) if not line.startswith("="))


def variables(values: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return NAME=VALUE of each --env. A name alone takes its value from `environment`, as in docker run."""
    found: list[str] = []
    for value in values:
        name, equals, _ = value.partition("=")
        if not name:
            raise UsageError(f"cannot use --env {value}", hint="--env NAME=VALUE")
        if equals:
            found.append(value)
        elif name in environment:
            found.append(f"{name}={environment[name]}")
    return tuple(found)
