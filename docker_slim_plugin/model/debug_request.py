"""What the command line of `docker slim debug` says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DebugRequest:
    """The arguments of one `docker slim debug`."""

    container: str
    command: tuple[str, ...] = ()
    """Empty: an interactive shell."""
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
    global_options: tuple[str, ...] = ()
    """Global options of docker, one token each."""
