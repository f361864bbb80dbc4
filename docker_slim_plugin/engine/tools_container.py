"""A container of tools beside a running container: in its namespaces, with its options, and without its files.

It may do what `docker exec` lets a process in the target do, and no more, unless the user says so.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from docker.errors import NotFound

from docker_slim_plugin.engine.container import Container
from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.engine.labels import LABEL
from docker_slim_plugin.engine.sdk_errors import translate_errors
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.debug_request import DebugRequest

SHELL = "/bin/sh"
RESTRICTIONS = (
    "CapAdd",
    "CapDrop",
    "CgroupParent",
    "CgroupnsMode",
    "DeviceCgroupRules",
    "Devices",
    "MaskedPaths",
    "OomScoreAdj",
    "Privileged",
    "ReadonlyPaths",
    "ReadonlyRootfs",
    "Runtime",
    "SecurityOpt",
    "UTSMode",
    "Ulimits",
    "UsernsMode",
)
LIMITS = (
    "BlkioWeight",
    "CpuPeriod",
    "CpuQuota",
    "CpuShares",
    "CpusetCpus",
    "CpusetMems",
    "Memory",
    "MemoryReservation",
    "MemorySwap",
    "NanoCpus",
    "PidsLimit",
)
"""Fields of HostConfig that are the target's own. The limits hold for the cgroup of the tools."""
_SCRATCH = {"/tmp": "size=64m,mode=1777"}  # noqa: S108
_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the tools run as: numbers, as in --user and --group-add of docker run."""

    user: str
    groups: tuple[str, ...] = ()

    def mark(self) -> str:
        """Return the end of a shell's prompt."""
        return "#" if self.user.startswith("0:") else "$"


@dataclass(frozen=True, slots=True)
class Terminal:
    """How the user's terminal and the tools are connected."""

    interactive: bool
    tty: bool


def check_running(name: str, state: Mapping[str, Any]) -> None:
    """Raise SlimError unless the state of a container (docker inspect) is one to enter."""
    if state.get("Paused"):
        raise SlimError(f"cannot debug {name}: it is paused", hint=f"docker unpause {name}")
    if state.get("Restarting"):
        raise SlimError(
            f"cannot debug {name}: it is restarting", hint=f"docker logs {name}, or docker cp {name}:/PATH - | tar t"
        )
    if not state.get("Running") or not state.get("Pid"):
        status = state.get("Status", "stopped")
        ended = f", status {state.get('ExitCode')}" if status == "exited" else ""
        raise SlimError(
            f"cannot debug {name}: it is not running ({status}{ended})",
            hint=f"docker start {name}; its files without that: docker cp {name}:/PATH - | tar t",
        )


def host_config(target: str, theirs: Mapping[str, Any], groups: Sequence[str], more: Sequence[str]) -> dict[str, Any]:
    """Return the HostConfig of the tools: namespaces of the target, and what restricts the target.

    `theirs` is the target's HostConfig; `more` are capabilities that the user adds.
    """
    joined = f"container:{target}"
    pid, ipc = str(theirs.get("PidMode") or ""), str(theirs.get("IpcMode") or "")
    own: dict[str, Any] = {name: theirs[name] for name in (*RESTRICTIONS, *LIMITS) if theirs.get(name) is not None}
    own |= {
        "AutoRemove": True,
        "GroupAdd": list(groups),
        "IpcMode": joined if ipc == "shareable" else ipc or "private",
        "LogConfig": {"Type": "none"},
        "NetworkMode": joined,
        "PidMode": pid if pid == "host" else joined,
    }
    if more:
        own["CapAdd"] = [*(own.get("CapAdd") or ()), *more]
    if own.get("ReadonlyRootfs"):
        own["Tmpfs"] = _SCRATCH
    return own


@contextmanager
def tools_container(
    engine: Engine, image: str, argv: Sequence[str], person: Person, terminal: Terminal, settings: Mapping[str, Any]
) -> Iterator[Container]:
    """Yield a created container of tools that is not started; it is removed afterwards in any case."""
    config = {
        "Image": image,
        "Entrypoint": [argv[0]],
        "Cmd": list(argv[1:]),
        "User": person.user,
        "WorkingDir": "/",
        # Fixed, since the shell's own prompt calls getcwd(2), which fails in another mount namespace.
        "Env": ["HOME=/tmp", f"PS1=debug:$PWD {person.mark()} "],
        "Labels": {LABEL: engine.run_id},
        "Healthcheck": {"Test": ["NONE"]},
        "StopSignal": "SIGKILL",
        "AttachStdin": terminal.interactive,
        "AttachStdout": True,
        "AttachStderr": True,
        "OpenStdin": terminal.interactive,
        "StdinOnce": terminal.interactive,
        "Tty": terminal.tty,
        "HostConfig": dict(settings),
    }
    created = engine.in_flight.run(lambda: translate_errors(engine.api.create_container_from_config)(config))
    container = engine.container_by_id(created["Id"])
    try:
        yield container
    finally:
        container.remove()


@translate_errors
def check_shell(container: Container, image: str) -> None:
    """Raise SlimError if a container's image has no shell. Nothing of the container is read but that name."""
    try:
        blocks, _ = container.api.get_archive(container.id, SHELL)
        blocks.close()
    except NotFound as error:
        raise SlimError(
            f"cannot use the image {image} to debug: it has no {SHELL}",
            hint="--image busybox, or no --image: this host's busybox",
        ) from error


def run_attached(engine: Engine, container: Container, request: DebugRequest, terminal: Terminal) -> int:
    """Start a container by the user's docker client, connected to our terminal; return its exit status.

    On an interrupt the container is removed. The client ends by itself then, and restores the terminal.
    """
    options = ["--interactive"] if terminal.interactive else []
    options += [f"--detach-keys={request.detach_keys}"] if request.detach_keys else []
    argv, environment = engine.client_call("start", "--attach", *options, container.id)
    with subprocess.Popen(argv, env=environment) as client:
        try:
            status = client.wait()
        except BaseException:
            container.remove()
            try:
                client.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                client.terminate()
            raise
    return status if status >= 0 else 128 - status
