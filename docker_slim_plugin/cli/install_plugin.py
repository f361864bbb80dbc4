"""`docker-slim install-plugin` and its opposite: for a copy that pip or pipx has installed."""

from __future__ import annotations

from typing import Annotated

from docker_slim_plugin.cli.declare import Given, Option, command
from docker_slim_plugin.cli.session import Work
from docker_slim_plugin.cli.text import printable
from docker_slim_plugin.workflows import plugin_copies

System = Annotated[bool, Option("--system", "For all users of this host; needs root. Default: for this user alone.")]


@command("install-plugin", usage="[OPTIONS]", short="Make docker find this copy of docker slim")
def install_plugin(given: Given, system: System = False) -> Work:  # noqa: ARG001
    """Make docker find this copy of docker slim, after pip or pipx has installed it.

    A small script is written to docker's directory for plugins: ~/.docker/cli-plugins, or with --system
    /usr/local/lib/docker/cli-plugins. docker slim runs as root, so the one who runs it should install it.

    \b
    docker-slim install-plugin
    docker-slim install-plugin --system
    """  # noqa: D301

    def work() -> int:
        print(f"installed: {printable(plugin_copies.install(for_all=system))}")
        return 0

    return work


@command("uninstall-plugin", usage="[OPTIONS]", short="Undo install-plugin")
def uninstall_plugin(given: Given, system: System = False) -> Work:  # noqa: ARG001
    """Remove the script that install-plugin has written; the copy itself stays: pipx uninstall docker-slim-plugin."""

    def work() -> int:
        gone = plugin_copies.uninstall(for_all=system)
        print(f"removed: {printable(gone)}" if gone else "nothing to remove")
        return 0

    return work
