"""The address of the engine that docker would use, and the check that this engine is supported."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise

from docker import DockerClient
from docker.context import ContextAPI
from docker.errors import DockerException

from docker_slim_plugin.errors import SlimError

OLDEST_API = (1, 41)
TIMEOUT = 600
"""Seconds that a response of the engine may take."""
_OTHER_ENGINES = {"podman engine": "Podman", "rootlesskit": "a rootless engine"}
"""Programs other than a Docker Engine that serve its API, by a component that they report."""


def endpoint(global_options: Sequence[str]) -> str:
    """Return the engine's address from -H, --context, DOCKER_HOST, DOCKER_CONTEXT or the current context."""
    options = dict(pairwise(global_options))
    options |= dict(option.split("=", 1) for option in global_options if option.startswith("--") and "=" in option)
    host = options.get("--host") or options.get("-H")
    context = options.get("--context") or options.get("-c")
    if not host and not context:
        host = os.environ.get("DOCKER_HOST", "")
        context = os.environ.get("DOCKER_CONTEXT", "")
    if host:
        return host
    try:
        found = ContextAPI.get_context(context) if context else ContextAPI.get_current_context()
    except DockerException as error:
        raise SlimError(f"cannot read docker's context: {error}", hint="docker context ls") from error
    if found is None:
        raise SlimError(f"cannot find the docker context {context!r}", hint="docker context ls")
    return str(found.Host or "unix:///var/run/docker.sock")


def connect_client(address: str) -> DockerClient:
    """Return a client of the engine at `address`; SlimError when it is unreachable, remote, or too old."""
    if not address.startswith("unix://"):
        raise SlimError(
            f"cannot slim on a remote engine ({address}): the app is traced on the engine's own host",
            hint="run docker slim there, or: docker context use default",
        )
    try:
        client = DockerClient(base_url=address, version="auto", timeout=TIMEOUT)
    except DockerException as error:
        raise SlimError(
            f"cannot reach the Docker Engine at {address}: is it running?", hint="systemctl start docker"
        ) from error
    version = client.version()
    for component in version.get("Components") or ():
        if other_engine := _OTHER_ENGINES.get(component["Name"].lower()):
            raise SlimError(
                f"cannot slim on {other_engine} ({address}): a Docker Engine that runs as root is needed",
                hint="docker context use default; unset DOCKER_HOST",
            )
    api = tuple(int(part) for part in version["ApiVersion"].split("."))
    if api < OLDEST_API:
        raise SlimError(
            f"cannot work with Docker Engine {version['Version']}: 20.10 or later is needed",
            hint="upgrade the engine",
        )
    return client
