"""What the command line of `docker slim debug` says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ToolsOptions:
    """What the tools are, whom they run as, and how they are connected."""

    image: str = ""
    """Image of the tools. Empty: one of this host's busybox."""
    user: str = ""
    """UID or UID:GID. Empty: those of the container's first process."""
    cap_add: tuple[str, ...] = ()
    """Capabilities beyond those of the container."""
    interactive: bool = False
    """Pass standard input to a command, even if it is no terminal."""
    tty: bool = False
    """Give the tools a terminal, even if our input and output are no terminals both."""
    detach_keys: str = ""


@dataclass(frozen=True, kw_only=True)
class DebugRequest(ToolsOptions):
    """The arguments of one `docker slim debug`."""

    container: str
    command: tuple[str, ...] = ()
    """Empty: an interactive shell."""
    global_options: tuple[str, ...] = ()
    """Global options of docker, one token each."""
