"""Passing of the app's environment variables to docker create without showing them on its command line.

They are set in the environment of the docker client, since any user can read a command line. Variables that the client
itself would use (PATH, HTTP_PROXY, DOCKER_HOST ...) are passed in a memfd as --env-file. Other options stay unchanged.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CLIENT_VARIABLES = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|PWD|TERM|TZ|TMPDIR|COLUMNS|LINES|HOSTNAME|NO_COLOR|NOTIFY_SOCKET|HOSTALIASES"
    r"|LOCALDOMAIN|RES_OPTIONS|container|LANG|LANGUAGE|.*_PROXY"
    r"|(?:DOCKER|BUILDKIT|BUILDX|COMPOSE|MOBY|CONTAINERD|LD|LC|GLIBC|MALLOC|GO|CGO|SSL|XDG|SSH|GPG|OTEL|LISTEN|DBUS)_?.*",
    re.IGNORECASE,
)
"""Variables that programs, Go's runtime, or docker's client read themselves."""
MAX_LINE = 60_000
"""Maximum length in bytes of a line that the client accepts in a file (bufio.MaxScanTokenSize)."""


@dataclass(frozen=True, slots=True)
class PassedEnvironment:
    """The arguments, environment and descriptors for the docker client."""

    options: tuple[str, ...]
    environment: Mapping[str, str]
    """Variables to add to our own environment."""
    descriptors: tuple[int, ...] = ()
    """Descriptors that the client inherits."""


@contextmanager
def pass_environment(options: Sequence[str]) -> Iterator[PassedEnvironment]:
    """Yield docker create's options without the values of --env, and what carries the values."""
    inherited = {one.removeprefix("--env=") for one in options if one.startswith("--env=")}
    remaining: list[str] = []
    environment: dict[str, str] = {}
    lines: list[str] = []
    for option in options:
        name, equals, value = option.removeprefix("--env=").partition("=")
        has_value = option.startswith("--env=") and equals and _NAME.fullmatch(name) and name not in inherited
        if has_value and not _CLIENT_VARIABLES.fullmatch(name) and "\0" not in value:
            environment[name] = value
            remaining.append(f"--env={name}")
        elif has_value and _fits_line(name, value):
            lines.append(f"{name}={value}\n")
        else:
            remaining.append(option)
    if not lines:
        yield PassedEnvironment(tuple(remaining), environment)
        return
    with open(os.memfd_create("env"), "wb") as file:
        file.write("".join(lines).encode())
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        yield PassedEnvironment((*remaining, f"--env-file=/dev/fd/{file.fileno()}"), environment, (file.fileno(),))


def _fits_line(name: str, value: str) -> bool:
    try:
        return len(f"{name}={value}".encode()) < MAX_LINE and not set("\n\r\0") & set(value)
    except UnicodeEncodeError:
        return False
