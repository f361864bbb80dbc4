"""`docker slim debug`: a shell with tools beside a running container."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from docker_slim_plugin.cli import screen
from docker_slim_plugin.cli.declare import SHOW, Given, Group, Option, command
from docker_slim_plugin.cli.session import Work
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.debug_request import DebugRequest, ToolsOptions


def user(value: str) -> str:
    """Return the value of --user as numbers; a name would be looked up in the image of the tools."""
    numbers = {"root": "0"}.get(value, value)
    if numbers and not re.fullmatch(r"\d{1,9}(?::\d{1,9})?", numbers, re.ASCII):
        raise UsageError(
            f"cannot use --user {value}: only numbers have the same meaning in both containers",
            hint="docker slim debug CONTAINER cat etc/passwd; then --user UID or UID:GID",
        )
    return numbers


TOOLS = Group(
    SHOW,
    ToolsOptions,
    {
        "image": Option("--image", "Image with the tools, and /bin/sh. Default: this host's static busybox.", "IMAGE"),
        "user": Option(
            "--user", "Run as these ids. Default: those of the container's first process.", "UID[:GID]", "-u", user
        ),
        "cap_add": Option(
            "--cap-add",
            "Give the tools a capability that the container does not have (repeat): SYS_PTRACE for strace.",
            "CAP",
        ),
        "interactive": Option("--interactive", "Pass standard input to COMMAND, if it is no terminal.", short="-i"),
        "tty": Option(
            "--tty", "Give COMMAND a terminal. Default: if standard input and output are terminals.", short="-t"
        ),
        "detach_keys": Option("--detach-keys", "Keys that leave the tools and end them, as in docker.", "KEYS"),
    },
)
ContainerName = Annotated[
    str, typer.Argument(metavar="CONTAINER", help="Name or id of a running container.", show_default=False)
]
Command = Annotated[
    list[str] | None,
    typer.Argument(metavar="COMMAND...", help="Command of the tools. Default: a shell.", show_default=False),
]


@command(
    "debug",
    TOOLS,
    usage="[OPTIONS] CONTAINER [COMMAND [ARG...]]",
    short="Open a shell with tools in a running container that has none",
)
def debug_container(given: Given, container: ContainerName, command: Command = None) -> Work:
    """Run a shell, or COMMAND, beside a running container: with its processes, its network, its user and its rights.

    The files of the container are below /proc/1/root, where the shell starts. A container of its own has the tools,
    so nothing is written into the other one, and nothing is left afterwards.

    \b
    docker slim debug web
    docker slim debug web wget -qO- 127.0.0.1:8080/health
    docker slim debug --image nicolaka/netshoot web ss -ltnp
    docker slim debug -u 0 --cap-add SYS_PTRACE --image tools:1 web strace -p 1
    """  # noqa: D301
    request = given.request(DebugRequest, container=container, command=tuple(command or ()))
    return lambda: _debug(request)


def _debug(request: DebugRequest) -> int:
    from docker_slim_plugin.workflows.debug import debug  # noqa: PLC0415 (the SDK: not for --help)

    with screen.Screen(screen.Shown(quiet=True)) as progress:
        return debug(request, progress)
