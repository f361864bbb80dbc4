"""Questions to the user's own docker client: its options, images and containers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from docker_slim_plugin.cli.arguments import Flag, flags
from docker_slim_plugin.errors import SlimError

_TIMEOUT = 10.0
"""Seconds. `--help` takes 15 ms; a list of images needs the engine."""


def program() -> str:
    """Return the path of the docker client that called us, or of the one in PATH; "" if there is none."""
    caller = os.environ.get("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND") or "docker"
    # For completions, docker puts the plugin itself there (docker/cli, cli-plugins/manager/cobra.go sets os.Args).
    return shutil.which("docker" if os.path.basename(caller) == "docker-slim" else caller) or ""


def ask(arguments: Sequence[str], *, timeout: float = _TIMEOUT) -> str | None:
    """Return what docker prints. None if it fails, does not exist, or takes longer than `timeout` seconds."""
    client = program()
    if not client:
        return None
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_CLI_PLUGIN_")}
    try:
        answer = subprocess.run(
            [client, *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return os.fsdecode(answer.stdout) if answer.returncode == 0 else None


def create_flags() -> Mapping[str, Flag]:
    """Return the options of `docker create` of this client."""
    text = ask(["create", "--help"])
    if text is None:
        raise SlimError("cannot find a docker client that works", hint="apt-get install docker-cli, or docker.io")
    return flags(text)
