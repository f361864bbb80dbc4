"""The options of `docker create` that start the app, from the request and the image's configuration.

Performs no I/O. The traced run and the runs of the slim images differ only in the gate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from docker_slim_plugin.engine.gate import GATE_PATH
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.image import SourceImage

_ALIASES = {"-p": "--publish", "-P": "--publish-all", "-v": "--volume", "-h": "--hostname", "--net": "--network"}
_NOT_FOR_CREATE = frozenset({"--entrypoint", "--pull", "--platform", "--quiet", "--rm"})
"""Given in another way, or done already: the image is local, and named by its id."""
_CONTAINER_ONLY = frozenset(
    (
        "--add-host",
        "--cap-add",
        "--cap-drop",
        "--cpu-shares",
        "--cpus",
        "--dns",
        "--dns-option",
        "--dns-search",
        "--entrypoint",
        "--env",
        "--env-file",
        "--expose",
        "--group-add",
        "--hostname",
        "--init",
        "--interactive",
        "--label",
        "--label-file",
        "--memory",
        "--memory-swap",
        "--no-healthcheck",
        "--pids-limit",
        "--platform",
        "--publish-all",
        "--pull",
        "--quiet",
        "--read-only",
        "--security-opt",
        "--shm-size",
        "--stop-signal",
        "--stop-timeout",
        "--tmpfs",
        "--tty",
        "--ulimit",
        "--user",
        "--workdir",
    )
)
"""Options that affect only the container itself."""
MAX_PUBLISHED_PORTS = 50
_PUBLISHED = re.compile(r"(?:.*:)?([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/(\w+))?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One way to start the app, the same for the source and for each slim image."""

    options: tuple[str, ...]
    """Options of docker create: those of the user and our published ports, without --entrypoint."""
    entrypoint: tuple[str, ...] | None
    """The user's --entrypoint; None when that of the image is used."""
    command: tuple[str, ...]
    """The arguments after IMAGE."""
    argv: tuple[str, ...]
    """The argv that the container executes."""
    ports: tuple[int, ...]
    """TCP ports that the app is expected to listen on: exposed by the image or published by the user."""
    network: str
    stop_signal: str
    shareable: bool
    """Whether two such containers can run at the same time: no option names a resource of the host."""
    healthcheck: tuple[str, ...] | None
    """argv of the health check, as docker would run it."""

    @property
    def read_only(self) -> bool:
        """Whether the container's root file system is read-only."""
        return self._has_switch("--read-only")

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about options that are not supported."""
        warning = "nothing is written to the app's standard input: --exec and --host-exec can probe it"
        return (warning,) if self._has_switch("--interactive") else ()

    def _has_switch(self, switch: str) -> bool:
        return any(option in (switch, f"{switch}=true") for option in self.options)

    def gated_arguments(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return options and arguments of a container that starts in the gate, with the real argv after the gate."""
        return (*self.options, "--entrypoint", GATE_PATH), self.argv

    def run_arguments(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return options and arguments as the user would give them to docker run."""
        if self.entrypoint is None:
            return self.options, self.command
        return (*self.options, "--entrypoint", self.entrypoint[0] if self.entrypoint else ""), self.command


def launch(
    source: SourceImage, options: Sequence[str], command: Sequence[str], extra_ports: Iterable[int] = ()
) -> Launch:
    """Return how `docker run OPTIONS IMAGE COMMAND` starts the image; SlimError when there is no command to run.

    `extra_ports` are treated as exposed ports.
    """
    given = list(option_pairs(options))
    filled = [(name, value or "") for name, value in given]
    config = source.config
    entrypoint = next((value for name, value in reversed(given) if name == "--entrypoint"), None)
    if entrypoint is None:
        argv = (*(config.get("Entrypoint") or ()), *(command or config.get("Cmd") or ()))
    else:
        argv = (*((entrypoint,) if entrypoint else ()), *command)
    if not argv:
        raise SlimError(
            f"cannot run {source.reference}: the image has no command",
            hint=f"docker slim run {source.reference} COMMAND",
        )
    network = next((value for name, value in reversed(given) if name == "--network"), "default") or "default"
    specifications = (*(config.get("ExposedPorts") or {}), *(v or "" for n, v in given if n == "--expose"))
    exposed = exposed_ports((*specifications, *map(str, extra_ports)))
    published = published_ports(value or "" for name, value in given if name == "--publish")
    added = []
    publishes_all = any(name == "--publish-all" and value != "false" for name, value in given)
    if not publishes_all and network not in ("none", "host") and not network.startswith("container:"):
        wanted = [port for port in exposed if port not in published]
        # An image may expose thousands of ports (passive FTP, RTP), and each costs the engine a process and a firewall
        # rule.
        added = [f"--publish=127.0.0.1::{port}" for port in wanted[:MAX_PUBLISHED_PORTS]]
    passed = tuple(token for name, value in given if name not in _NOT_FOR_CREATE for token in option_words(name, value))
    stop = next((value for name, value in reversed(given) if name == "--stop-signal"), None)
    return Launch(
        options=(*passed, *added),
        entrypoint=None if entrypoint is None else (entrypoint,) if entrypoint else (),
        command=tuple(command),
        argv=argv,
        ports=tuple(sorted({*exposed, *published})),
        network=network,
        stop_signal=stop or config.get("StopSignal") or "SIGTERM",
        shareable=all(name in _CONTAINER_ONLY or (name == "--publish" and "::" in value) for name, value in filled),
        healthcheck=_healthcheck(source, given),
    )


def option_pairs(options: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Yield (name, value) of options of the form --name=value; the value is None for --name alone."""
    for option in options:
        name, equals, value = option.partition("=")
        yield _ALIASES.get(name, name), value if equals else None


def tmpfs_paths(options: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    """Yield the paths of --tmpfs options, given as (name, value)."""
    return (value.partition(":")[0] for name, value in options if name == "--tmpfs" and value)


def option_words(name: str, value: str | None) -> tuple[str, ...]:
    return (name,) if value is None else (f"{name}={value}",)


def exposed_ports(specifications: Sequence[str]) -> tuple[int, ...]:
    """Return the TCP ports of specifications like "80", "80/tcp" or "8000-8002", without UDP and SCTP."""
    return published_ports(specifications)


def published_ports(specifications: Sequence[str] | Iterator[str]) -> tuple[int, ...]:
    """Return the container's TCP ports of specifications like "8080:80", "127.0.0.1::80/tcp" or "80-82"."""
    found: set[int] = set()
    for specification in specifications:
        if match := _PUBLISHED.match(specification):
            first, last, protocol = match.groups()
            if (protocol or "tcp").lower() == "tcp" and int(last or first) - int(first) < 1000:
                found.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(found))


def _healthcheck(source: SourceImage, given: Sequence[tuple[str, str | None]]) -> tuple[str, ...] | None:
    """Return the argv of the health check in effect: the user's, or the image's."""
    if any(name == "--no-healthcheck" and value != "false" for name, value in given):
        return None
    command = next((value for name, value in reversed(given) if name == "--health-cmd"), None)
    return ("/bin/sh", "-c", command) if command else healthcheck(source)


def healthcheck(source: SourceImage) -> tuple[str, ...] | None:
    """Return the argv of the image's HEALTHCHECK (CMD-SHELL through its SHELL, /bin/sh -c by default), or None."""
    test = (source.config.get("Healthcheck") or {}).get("Test") or []
    if len(test) < 2:
        return None
    if test[0] == "CMD":
        return tuple(test[1:])
    if test[0] == "CMD-SHELL":
        return (*(source.config.get("Shell") or ("/bin/sh", "-c")), test[1])
    return None
