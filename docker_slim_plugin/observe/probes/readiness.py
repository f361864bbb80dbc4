"""Detection that the app is ready: which ports it listens on, whether it uses the CPU, and when it becomes quiet."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import psutil

READY_QUIET, SOME_QUIET, NO_PORT_QUIET, SILENT_QUIET, BUSY_QUIET = 0.15, 1.5, 0.5, 30.0, 120.0
"""Seconds without a new file: when all ports listen, when some do, when none is expected; when none of the expected
ports listens and the app is idle, and when it is busy.
"""
BUSY_SHARE, BUSY_SECONDS, IDLE_SECONDS = 0.05, 2.0, 10.0
"""An app that uses more than this share of a CPU in this many seconds is busy; without being busy for so long, it is
idle.
"""
_STATES = {"tcp": "0A", "udp": "07"}
"""The state in proc_pid_net(5) of a socket that waits for clients: TCP_LISTEN; TCP_CLOSE, which means not connected."""
_LOOPBACK = re.compile(r"[0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F")
"""127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104, as little-endian kernels write them."""
_TICK, _SLOW_TICK = 0.02, 0.2
"""Minimum and maximum seconds between two checks of the app; the longer it takes, the fewer checks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A running container, as the probes see it."""

    container: str
    image: str
    pid: int
    """Pid of its init on the host."""
    ports: Mapping[int, tuple[str, int]]
    """Container TCP port -> (address, port) on the host."""
    exposed: tuple[int, ...]
    """Container ports that are expected to listen."""
    address: str = ""
    """Its own address; empty without a network of its own."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The variables of the container's configuration."""
    inner: Mapping[int, str] = field(default_factory=dict)
    """Further TCP ports -> the address in the container's network namespace at which they can be asked."""
    connect_inside: Callable[..., socket.socket] | None = None
    """Connects to address and port in that namespace within some seconds, by TCP or `udp`."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the app is ready."""

    ready: bool
    ports: frozenset[int]
    """The expected ports that listen."""
    why: str = ""


def is_alive(pid: int) -> bool:
    """Tell whether a process runs. This is asked many times a second, so it reads one file of proc(5)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The state follows the name, which may contain anything.
            return file.read().rpartition(b") ")[2][:1] not in (b"Z", b"X", b"")
    except OSError:
        return False


def container_pids(init: int) -> list[int]:
    """Return the host pids of the container's init and of its descendants."""
    try:
        first = psutil.Process(init)
        return [init, *(process.pid for process in first.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def child_pids(init: int) -> list[int]:
    """Return the host pids of the children of the container's init: workers. Cheaper than all descendants."""
    try:
        with open(f"/proc/{init}/task/{init}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]
    except FileNotFoundError:
        # The process has ended, or the kernel has no such files.
        return container_pids(init)[1:]
    except (OSError, ValueError):
        return []


def listening(pids: Iterable[int]) -> frozenset[int]:
    """Return the TCP ports that these processes listen on, in their own network namespace.

    Read from /proc/PID/net (proc_pid_net(5)): psutil's net_connections reads the host's namespace only.
    """
    ports: set[int] = set()
    sockets: dict[str, int] | None = None
    for pid in pids:
        with contextlib.suppress(OSError):
            if sockets is None:
                sockets = {socket: port for _, port, socket in _listeners(pid)}
            if not sockets:
                break
            for name in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    ports.update(filter(None, [sockets.get(os.readlink(f"/proc/{pid}/fd/{name}"))]))
    return frozenset(ports)


def is_loopback_only(pid: int, port: int) -> bool:
    """Tell whether the port is open in the network namespace of `pid`, and on loopback addresses only."""
    with contextlib.suppress(OSError):
        hosts = {host for host, listened, _ in _listeners(pid) if listened == port}
        return bool(hosts) and all(map(_LOOPBACK.fullmatch, hosts))
    return False


def listening_addresses(pid: int) -> list[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    """Return address and port of the listening TCP sockets in a process's network namespace."""
    with contextlib.suppress(OSError, ValueError):
        return [(_address(text), port) for text, port, _ in _listeners(pid)]
    return []


def datagram_ports(pids: Iterable[int], own: str) -> dict[int, str]:
    """Return the UDP ports at which these processes wait for anybody's datagrams, each with the address to send to.

    It is the container's `own` address where the port is open to all.
    """
    found: dict[int, str] = {}
    for pid in pids:
        with contextlib.suppress(OSError, ValueError):
            waiting = {socket: (_address(text), port) for text, port, socket in _listeners(pid, "udp")}
            for name in os.listdir(f"/proc/{pid}/fd") if waiting else ():
                with contextlib.suppress(OSError, KeyError):
                    host, port = waiting[os.readlink(f"/proc/{pid}/fd/{name}")]
                    if host.is_unspecified:
                        found[port] = own or "127.0.0.1"
                    elif not host.is_loopback or port not in found:
                        found[port] = str(host)
    return found


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an address of proc_pid_net(5): 32-bit words in the byte order of the host."""
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    host = ipaddress.ip_address(b"".join(words))
    return getattr(host, "ipv4_mapped", None) or host


def _listeners(pid: int, protocol: str = "tcp") -> list[tuple[str, int, str]]:
    """Return (address, port, "socket:[INODE]") of the sockets in a process's network namespace that wait for clients.

    The address is in the format of proc_pid_net(5).
    """
    found = []
    for name in (protocol, f"{protocol}6"):
        with open(f"/proc/{pid}/net/{name}", encoding="ascii") as file:
            rows = [line.split() for line in list(file)[1:]]
        for row in rows:
            if row[3] == _STATES[protocol]:
                address, _, port = row[1].rpartition(":")
                found.append((address, int(port, 16), f"socket:[{row[9]}]"))
    return found


class _IdleTimer:
    """Measures for how long an app has used hardly any CPU time."""

    def __init__(self, init: int) -> None:
        self._init = init
        self._checked_at = self._busy_at = time.monotonic()
        self._used_seconds = processor_seconds(init)

    def seconds(self) -> float:
        now = time.monotonic()
        if now - self._checked_at >= BUSY_SECONDS:
            used = processor_seconds(self._init)
            if used - self._used_seconds > BUSY_SHARE * (now - self._checked_at):
                self._busy_at = now
            self._checked_at, self._used_seconds = now, used
        return now - self._busy_at


def processor_seconds(init: int) -> float:
    """Return the CPU time in seconds that the container's processes have used."""
    total = 0.0
    for pid in container_pids(init):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            times = psutil.Process(pid).cpu_times()
            total += times.user + times.system
    return total


def wait_ready(
    target: Target,
    is_running: Callable[[], bool],
    last_new: Callable[[], float],
    deadline: float,
    known: float | None = None,
) -> Readiness:
    """Wait until the app listens on its expected ports and has been quiet; not ready when it ends or the time is up.

    `last_new` returns the time of the last new access, or of the start if nothing is observed. `known` is the number of
    seconds that the source took, when the app is run again without observation: then only the ports are considered.
    """
    expected = frozenset(target.exposed)
    started = time.monotonic()
    idle = _IdleTimer(target.pid)
    ports: frozenset[int] = frozenset()
    while is_running():
        if expected - ports:
            ports = listening(container_pids(target.pid)) & expected
        quiet = time.monotonic() - last_new()
        if quiet >= _quiet_needed(expected, ports, known) and (
            ports or not expected or idle.seconds() >= IDLE_SECONDS or quiet >= BUSY_QUIET
        ):
            return Readiness(True, ports)
        if time.monotonic() > deadline:
            missing = ", ".join(str(port) for port in sorted(expected - ports))
            return Readiness(False, ports, f"nothing listens on port {missing}" if missing else "it never became idle")
        time.sleep(min(max(_TICK, (time.monotonic() - started) / 50), _SLOW_TICK))
    return Readiness(False, ports, "the app has ended")


def _quiet_needed(expected: frozenset[int], ports: frozenset[int], known: float | None) -> float:
    if not expected:
        return max(NO_PORT_QUIET, known or 0.0)
    if not ports:
        return SILENT_QUIET
    if known is not None:
        return 0.0 if ports == expected else SILENT_QUIET
    return READY_QUIET if ports == expected else SOME_QUIET
