"""Recognise the services of a running container: by a running program, or by what a port sends at first.

The name of the image plays no role.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import re
import socket
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial

from docker_slim_plugin.model.service import Service
from docker_slim_plugin.observe.probes.exchange import read_banner
from docker_slim_plugin.observe.probes.readiness import Target, container_pids, listening

MAX_ARGUMENTS, MAX_WORDS = 64 << 10, 40
"""Bytes and words of a command line that are read."""
_INTERPRETER = re.compile(r"(?:python|perl|ruby|node|java|php|sh|bash|dash|beam)[\w.]*")


@dataclass(frozen=True, slots=True)
class Found:
    """A service that runs in the container."""

    service: Service
    ports: tuple[int, ...]
    """The ports on which it listens, and speaks its protocol."""
    is_init: bool
    """Whether it is the container's first process, to which docker sends signals."""


def by_program(target: Target, services: Iterable[Service]) -> list[Found]:
    """Return the services of which a program runs."""
    names = {pid: program_names(pid) for pid in container_pids(target.pid)}
    found = []
    for service in services:
        pids = [pid for pid, words in names.items() if not service.programs.isdisjoint(words)]
        if pids:
            ports = listening(pids)
            chosen = ports & service.ports if service.ports else ports
            found.append(Found(service, tuple(sorted(chosen)), target.pid in pids))
    return found


def by_banner(target: Target, services: Collection[Service], ports: Iterable[int]) -> list[Found]:
    """Return the services that introduce themselves on these ports."""
    found = []
    for port in ports:
        banner = read_banner(partial(connect, target, port))
        for service in services:
            if service.banner is not None and banner and service.banner.search(banner):
                found.append(Found(service, (port,), is_init=False))
                break
    return found


def program_names(pid: int) -> frozenset[str]:
    """Return the names by which a process may be known: its program, its argv[0], and the script that it runs."""
    names: set[str] = set()
    words = command_words(pid)
    with contextlib.suppress(OSError):
        # The target of this link is only a text: nothing is looked up in the container.
        names.add(posixpath.basename(os.readlink(f"/proc/{pid}/exe")).removesuffix(" (deleted)"))
    if words:
        # Some programs write a title: "nginx: master process", "postgres: checkpointer".
        names.add(posixpath.basename(words[0].partition(" ")[0].rstrip(":").lstrip("-")))
    if any(_INTERPRETER.fullmatch(name) for name in names):
        names.update(posixpath.basename(word) for word in words[1:] if not word.startswith("-"))
    return frozenset(names)


def command_words(pid: int) -> tuple[str, ...]:
    """Return the first words of a process's command line; none if it has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return tuple(os.fsdecode(word) for word in file.read(MAX_ARGUMENTS).split(b"\0")[:MAX_WORDS] if word)
    except OSError:
        return ()


def connect(target: Target, port: int, seconds: float, *, udp: bool = False) -> socket.socket:
    """Return a socket that is connected to a port of the container."""
    # A datagram's port is not published with the TCP port of its number.
    if target.connect_inside is not None and port in target.inner:
        return target.connect_inside(target.inner[port], port, seconds, udp=udp)
    if port not in target.ports or udp:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "the port cannot be reached")
    return socket.create_connection(target.ports[port], seconds)
