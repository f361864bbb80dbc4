"""The app's variables on their way to docker create: in its environment, as a command line is there for all to read.

Those that docker's client would take for its own (PATH, HTTP_PROXY, DOCKER_HOST ...) come to it in a file that has no
name. What neither can carry stays where it was.
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
"""Variables that programs, Go's runtime, or docker's client read for themselves."""
MAX_LINE = 60_000
"""What the client takes of one line of a file (bufio.MaxScanTokenSize)."""


@dataclass(frozen=True, slots=True)
class PassedEnvironment:
    """How docker create is called."""

    options: tuple[str, ...]
    environment: Mapping[str, str]
    """On top of our own."""
    descriptors: tuple[int, ...] = ()
    """That the client inherits."""


@contextmanager
def pass_environment(options: Sequence[str]) -> Iterator[PassedEnvironment]:
    """Yield docker create's options without the values of --env, and what carries these."""
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
