"""A service that we know: how it is recognised, and what it can be asked, as its catalogue entry says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCommand:
    """A command of the image's own client, which is run in the container."""

    programs: tuple[str, ...]
    """Names of the client; the first that the image has is used."""
    arguments: tuple[str, ...]
    """They may contain {port}, {NAME} for a variable of the container's environment, and {-o} or {--option} for the
    value of an option in the service's own command line; each with a default: {NAME:default}. Without a value of an
    option the command is not run.
    """
    environment: Mapping[str, str]
    """Variables for the client, with the same placeholders."""
    writes: bool
    """Whether it changes the service's data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Bytes that are sent to a port, and the answer that must come."""

    send: bytes
    expect: re.Pattern[bytes]
    """Must match within what the service sends. What it matches is the answer that is compared."""
    udp: bool
    writes: bool = False
    """Whether it changes the service's data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One entry of the catalogue."""

    name: str
    programs: frozenset[str]
    """Names of programs. A running one tells that the image is this service."""
    banner: re.Pattern[bytes] | None
    """What the service sends by itself at the beginning of a connection, or as an answer to `hello`."""
    ports: frozenset[int]
    """Ports on which this protocol is spoken, if the service has several; empty: all."""
    hello: bytes = b""
    """What is sent to a port whose program is not known and that says nothing by itself."""
    commands: tuple[ClientCommand, ...]
    exchanges: tuple[Exchange, ...]
    reload: str
    """The signal at which it reads its configuration again, or ""."""
