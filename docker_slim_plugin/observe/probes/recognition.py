"""Recognise the services of a running container: by a running program, by what a port sends at first, or answers.

The name of the image plays no role.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import re
import socket
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from docker_slim_plugin.model.service import Service
from docker_slim_plugin.observe.probes.exchange import read_banner
from docker_slim_plugin.observe.probes.readiness import Target, container_pids, datagram_ports, listening

MAX_ARGUMENTS, MAX_WORDS = 64 << 10, 400
"""Bytes and words of a command line that are read: servers in Java have some 100 options before the class."""
FIRST_CHOSEN_PORT = 32768
"""UDP ports from here on are chosen by the kernel for clients (ip_local_port_range, ip(7)), unless an entry names them.
"""
_INTERPRETER = re.compile(r"(?:python|perl|ruby|node|java|php|lua|sh|bash|dash|beam)[\w.]*")


@dataclass(frozen=True, slots=True)
class Found:
    """A service that runs in the container."""

    service: Service
    ports: tuple[int, ...]
    """The ports on which it listens, and speaks its protocol."""
    is_init: bool
    """Whether it is the container's first process, to which docker sends signals."""
    datagrams: tuple[tuple[int, str], ...] = ()
    """The UDP ports at which it waits, and the addresses to send to."""
    words: tuple[str, ...] = ()
    """The words of its processes' command lines."""


def by_program(target: Target, services: Iterable[Service]) -> list[Found]:
    """Return the services of which a program runs."""
    names = {pid: program_names(pid) for pid in container_pids(target.pid)}
    found = []
    for service in services:
        pids = [pid for pid, words in names.items() if not service.programs.isdisjoint(words)]
        if pids:
            datagrams = {
                port: address
                for port, address in datagram_ports(pids, target.address).items()
                if (port in service.ports if service.ports else port < FIRST_CHOSEN_PORT)
            }
            words = tuple(word for pid in pids for word in _words(command_line(pid)))
            ports = _chosen(listening(pids), service)
            found.append(Found(service, ports, target.pid in pids, tuple(sorted(datagrams.items())), words))
    return found


def _words(line: Sequence[str]) -> Iterable[str]:
    """Return the words of a command line, also of one that is written as a title."""
    return (word.strip("()") for word in line[0].split()) if len(line) == 1 else line


def _chosen(ports: frozenset[int], service: Service) -> tuple[int, ...]:
    """Return the ports on which a service speaks its protocol. A single one may have another number than usually."""
    return tuple(sorted(ports & service.ports if service.ports and len(ports) > 1 else ports))


def by_banner(target: Target, services: Collection[Service], ports: Iterable[int]) -> list[Found]:
    """Return the services that introduce themselves on these ports, or answer to a hello."""
    found = []
    for port in ports:
        reach = partial(connect, target, port)
        banner = read_banner(reach)
        for service in services:
            said = banner or (read_banner(reach, service.hello) if service.hello else b"")
            if service.banner is not None and said and service.banner.search(said):
                found.append(Found(service, (port,), is_init=False))
                break
    return found


def program_names(pid: int) -> frozenset[str]:
    """Return the names by which a process may be known: its program, its argv[0], and the script that it runs.

    The program is there by its path, too.
    """
    names: set[str] = set()
    with contextlib.suppress(OSError):
        # The target of this link is only a text: nothing is looked up in the container.
        path = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
        names |= {path, posixpath.basename(path)}
    words = command_line(pid)
    if words:
        # Some programs write a title: "nginx: master process", "postgres: checkpointer", "[celeryd: worker]".
        names.add(posixpath.basename(words[0].partition(" ")[0].rstrip(":").lstrip("-[")))
    if any(_INTERPRETER.fullmatch(name) for name in names):
        names.update(posixpath.basename(word) for word in words[1:] if not word.startswith("-"))
    return frozenset(names)


def command_line(pid: int) -> list[str]:
    """Return the words with which a process was started, or the title that it has written over them."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return [os.fsdecode(word) for word in file.read(MAX_ARGUMENTS).split(b"\0")[:MAX_WORDS] if word]
    return []


def connect(target: Target, port: int, seconds: float) -> socket.socket:
    """Return a socket that is connected to a TCP port of the container."""
    if target.connect_inside is not None and port in target.inner:
        return target.connect_inside(target.inner[port], port, seconds)
    if port not in target.ports:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "the port cannot be reached")
    return socket.create_connection(target.ports[port], seconds)


def connect_datagrams(target: Target, address: str, port: int, seconds: float) -> socket.socket:
    """Return a socket that is connected to a UDP port in the container's network namespace."""
    if target.connect_inside is None:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "the port cannot be reached")
    return target.connect_inside(address, port, seconds, udp=True)
