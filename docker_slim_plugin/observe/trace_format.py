"""The format of a trace file (docs/trace-format.md), and its validation before use.

A file may come from anywhere. Therefore each value must have its type, an exercise must be one that can be run again,
and a string that can be neither a path nor an argument of a program is rejected here.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass

from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.observation import AccessKind, Origin, RunResult
from docker_slim_plugin.model.request import Exercise
from docker_slim_plugin.observe.probes.http_spelling import parse_http_probe
from docker_slim_plugin.typed_json import Malformed, from_plain, parsed

FORMAT = "docker-slim-trace"
SCHEMA_VERSION = 1
MAX_NAME = 1 << 14
"""Maximum length in characters of a path (a working directory and a name in it, so twice PATH_MAX) or a process name.
"""
MAX_SECONDS = 10_000_000
_OPTION = re.compile(r"--[a-z][a-z0-9-]*(?:=.*)?", re.DOTALL)
_UNTIL = re.compile(r"probes|exit|enter|[0-9]{1,7}(?:\.[0-9]{1,30})?")


@dataclass(frozen=True)
class Source:
    """The image that ran."""

    Reference: str
    ID: str


@dataclass(frozen=True)
class Accesses:
    """The accesses of one process, of one kind, to several paths."""

    Process: str
    PID: int
    Kind: AccessKind
    Origin: Origin
    Root: str
    Paths: tuple[str, ...]

    def __post_init__(self) -> None:
        if max(map(len, (self.Process, self.Root, *self.Paths))) > MAX_NAME:
            raise Malformed(f"names of at most {MAX_NAME} characters are wanted")


@dataclass(frozen=True)
class Run:
    """One traced run."""

    Exercise: Exercise | None
    Result: RunResult
    Mode: str
    Watch: str
    Events: int
    Lost: int
    Warnings: tuple[str, ...]
    Accesses: tuple[Accesses, ...]

    def __post_init__(self) -> None:
        if self.Exercise is not None:
            _check(self.Exercise)


@dataclass(frozen=True)
class TraceFile:
    """The whole file."""

    Format: str
    SchemaVersion: int
    Version: str
    Source: Source
    Runs: tuple[Run, ...]


def read(text: bytes) -> TraceFile:
    """Return the content of a trace file; Malformed when it is no trace, of another version, or not safe to run."""
    try:
        document = parsed(text)
    except Malformed as error:
        raise Malformed("it is not a trace") from error
    if not isinstance(document, dict) or document.get("Format") != FORMAT:
        raise Malformed("it is not a trace")
    version = document.get("SchemaVersion")
    if version != SCHEMA_VERSION:
        raise Malformed(f"it is of version {repr(version)[:20]}, not {SCHEMA_VERSION}")
    return from_plain(TraceFile, document)


def _check(exercise: Exercise) -> None:
    """Raise Malformed when an exercise could not come from the command line."""
    for name in ("command", "docker_options", "exec_", "host_exec", "service"):
        for number, text in enumerate(getattr(exercise, name)):
            if not _is_argument(text):
                raise Malformed("an argument of a program is wanted").at(f".Exercise.{name}[{number}]")
    for number, option in enumerate(exercise.docker_options):
        if not _OPTION.fullmatch(option):
            raise Malformed("--NAME or --NAME=VALUE is wanted").at(f".Exercise.docker_options[{number}]")
    for number, text in enumerate(exercise.http):
        try:
            parse_http_probe(text)
        except UsageError as error:
            raise Malformed("[METHOD:][STATUS:][PORT]/PATH is wanted").at(f".Exercise.http[{number}]") from error
    if not _UNTIL.fullmatch(exercise.until):
        raise Malformed("probes, exit, enter or seconds are wanted").at(".Exercise.until")
    if not 0 < exercise.timeout <= MAX_SECONDS or not math.isfinite(exercise.timeout):
        raise Malformed("a number of seconds is wanted").at(".Exercise.timeout")


def _is_argument(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False
