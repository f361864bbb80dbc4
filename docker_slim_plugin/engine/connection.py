"""The connection to a local Docker Engine: its API through the SDK, and the user's own docker client."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from docker import DockerClient

from docker_slim_plugin.engine.address import connect_client, endpoint
from docker_slim_plugin.engine.in_flight import InFlight
from docker_slim_plugin.host import run_registry


@dataclass(frozen=True, slots=True)
class EngineConnection:
    """A connection of one run to a local Docker Engine."""

    client: DockerClient
    address: str
    global_options: tuple[str, ...] = ()
    """Options of docker itself, for the user's docker client."""
    run_id: str = field(default_factory=run_registry.new_run)
    in_flight: InFlight = field(default_factory=InFlight)

    @property
    def api(self) -> Any:
        return self.client.api

    @classmethod
    def connect(cls, global_options: Sequence[str] = ()) -> Self:
        """Return the engine that docker would use; SlimError when it is unreachable, remote, or too old."""
        address = endpoint(global_options)
        return cls(connect_client(address), address, tuple(global_options))

    def docker(
        self,
        *arguments: str,
        quiet: bool = True,
        extra_environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        new_session: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run the user's docker client; it inherits the descriptors `pass_fds`.

        With `new_session`, Ctrl-C in the terminal does not interrupt it.
        """
        argv, environment = self.client_call(*arguments)
        return subprocess.run(
            argv,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if quiet else None,
            text=True,
            errors="surrogateescape",
            env=environment | dict(extra_environment or {}),
            pass_fds=tuple(pass_fds),
            start_new_session=new_session,
        )

    def client_call(self, *arguments: str) -> tuple[list[str], dict[str, str]]:
        """Return argv and environment of the user's docker client for this engine."""
        client = os.environ.get("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND") or "docker"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_CLI_PLUGIN_")}
        return [client, *self.global_options, *arguments], environment
