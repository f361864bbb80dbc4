r"""Read catalogues of services: those of this package, and those of the user.

A catalogue is a TOML file with one table per service:

    [redis]
    programs = ["redis-server"]          # running programs by which it is recognised
    banner = '^220 .*ESMTP'              # or what it sends at first (optional)
    hello = "PING\r\n"                   # what is sent before, if it says nothing by itself (optional)
    ports = [6379]                       # if it speaks the protocol on some of its ports only (optional)
    reload = "SIGHUP"                    # the signal at which it reads its configuration again (optional)
    commands = [                         # commands of the image's own client, run in the container
      { argv = ["redis-cli|valkey-cli", "-p", "{port}", "PING"], environment = { REDISCLI_AUTH = "{REDIS_PASSWORD}" } },
      { argv = ["redis-cli", "SET", "a", "1"], writes = true },
    ]
    exchanges = [{ send = "PING\r\n", expect = '^\+PONG' }]    # expect is a regular expression; udp, writes = true

A program is a name, or a whole path if the name alone is too common. A program of a command may have alternatives
(a|b). {port} is the service's port; {NAME} and {NAME:default} are variables of the container; {-o} and {--option} are
values of options in the service's own command line. A later catalogue replaces services of the same name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.service import ClientCommand, Exchange, Service

FIELDS = frozenset({"programs", "banner", "hello", "ports", "reload", "commands", "exchanges"})
MAX_CATALOGUE = 1 << 20
"""Maximum size of a catalogue in bytes."""


def read_catalogues(files: Iterable[str] = ()) -> tuple[Service, ...]:
    """Return the services of this package, and of the user's files and folders; SlimError when one cannot be used."""
    found: dict[str, Service] = {}
    for resource in sorted(resources.files(__package__).iterdir(), key=lambda one: one.name):
        if resource.name.endswith(".toml"):
            found |= parse(resource.read_text(encoding="utf-8"), resource.name)
    for name in files:
        for place in sorted(Path(name).glob("*.toml")) if Path(name).is_dir() else [Path(name)]:
            found |= parse(_text(place), str(place))
    return tuple(found.values())


def user_catalogues(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the folders of catalogues of this host and of this user, as far as they exist."""
    own = environment.get("XDG_CONFIG_HOME") or f"{environment.get('HOME', '/root')}/.config"
    places = ("/etc/docker-slim/services", f"{own}/docker-slim/services")
    return tuple(place for place in places if Path(place).is_dir())


def _text(place: Path) -> str:
    try:
        with open(place, "rb") as file:
            return file.read(MAX_CATALOGUE).decode("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "") or error
        raise SlimError(f"cannot read the catalogue of services {place}: {reason}", hint="--service FILE") from error


def parse(text: str, name: str) -> dict[str, Service]:
    """Return the services of a catalogue by name; SlimError when it is no valid catalogue."""
    try:
        return {key: _service(key, table) for key, table in tomllib.loads(text).items()}
    except (ValueError, TypeError, KeyError, re.error, RecursionError) as error:
        reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
        raise SlimError(f"cannot use the catalogue of services {name}: {reason}", hint="docs/services.md") from error


def _service(name: str, table: Any) -> Service:
    if not isinstance(table, Mapping):
        raise TypeError(f"{name} is not a table")
    if unknown := table.keys() - FIELDS:
        raise ValueError(f"{name} has an unknown key {min(unknown)!r}")
    banner = table.get("banner")
    return Service(
        name=name,
        programs=frozenset(_texts(table.get("programs", []))),
        banner=None if banner is None else _pattern(banner),
        hello=_bytes(table.get("hello", "")),
        ports=frozenset(map(int, table.get("ports", []))),
        commands=tuple(_command(one) for one in table.get("commands", [])),
        exchanges=tuple(_exchange(one) for one in table.get("exchanges", [])),
        reload=str(table.get("reload", "")),
    )


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError(f"{value!r} is not a list of strings")
    return tuple(value)


def _command(table: Mapping[str, Any]) -> ClientCommand:
    program, *arguments = _texts(table["argv"])
    environment = dict(table.get("environment", {}))
    _texts(list(environment.values()))
    return ClientCommand(
        programs=tuple(program.split("|")),
        arguments=tuple(arguments),
        environment=environment,
        writes=bool(table.get("writes", False)),
    )


def _exchange(table: Mapping[str, Any]) -> Exchange:
    return Exchange(
        send=_bytes(table.get("send", "")),
        expect=_pattern(table["expect"]),
        udp=bool(table.get("udp", False)),
        writes=bool(table.get("writes", False)),
    )


def _bytes(text: Any) -> bytes:
    """Return the bytes that a text stands for. Each character is one: "\u0000" to "\u00ff"."""
    return _texts([text])[0].encode("latin-1")


def _pattern(text: str) -> re.Pattern[bytes]:
    return re.compile(text.encode("latin-1"), re.DOTALL)
