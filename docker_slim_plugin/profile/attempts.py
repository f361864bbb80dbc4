"""What a profile must stop, as attempts that a static program makes inside a container."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Container, Iterator, Sequence

from docker_slim_plugin.engine.attempt_program import Memory, Result, SystemCall
from docker_slim_plugin.model.profile import Profile
from docker_slim_plugin.profile.capabilities import LOWEST_FREE_PORT
from docker_slim_plugin.profile.report import Attempt
from docker_slim_plugin.profile.run_options import is_isolated, port_sysctl

_AT_FDCWD = -100
_AF_INET, _AF_PACKET, _STREAM, _DATAGRAM, _RAW = 2, 17, 1, 2, 3
_FILE = b"docker-slim-attempt"
_WRITE = os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC
_NEW_UTS = 0x04000000
CALLS, CAPABILITIES, FILES, NETWORK, IPC = "system calls", "capabilities", "read-only", "network", "ipc"
OPEN_HOLES = (
    "other TCP and UDP ports: docker run cannot restrict which port above 1023 a process binds or connects to",
    "path sockets, abstract sockets and signals between the processes of one container",
    "devices: those that docker gives to every container stay (null, zero, full, random, urandom, tty, console, ptmx)",
)
"""What the options of docker run cannot restrict."""

Steps = tuple[SystemCall, ...]
Planned = tuple[str, str, Steps]
"""The name of an attempt, what must stop it, and its calls."""


def plan_attempts(profile: Profile, directories: Container[str]) -> tuple[Planned, ...]:
    """Return the attempts that the profile must stop, in an image that has these directories.

    Those that change the process itself are the last.
    """
    return (
        *_file_attempts(profile, directories),
        *_network_attempts(profile),
        *_call_attempts(profile),
        *_own_attempts(profile),
    )


def _address(host: bytes, port: int) -> bytes:
    """Return a struct sockaddr_in."""
    return struct.pack("=H", _AF_INET) + struct.pack("!H", port) + host + bytes(8)


def _file_attempts(profile: Profile, directories: Container[str]) -> Iterator[Planned]:
    if profile.files is not None and profile.files.read_only:
        places = {str(place.path) for place in profile.files.places}
        for directory in ("/", "/usr", "/etc"):
            if directory in directories and directory not in places:
                path = f"{directory.rstrip('/')}/".encode() + _FILE + b"\0"
                yield f"create a file in {directory}", FILES, (("openat", (_AT_FDCWD, path, _WRITE, 0o600)),)
    if profile.ipc is not None and not profile.ipc.used:
        path = b"/dev/shm/" + _FILE + b"\0"
        yield "create a file in /dev/shm", IPC, (("openat", (_AT_FDCWD, path, _WRITE, 0o600)),)


def _network_attempts(profile: Profile) -> Iterator[Planned]:
    if profile.network is None:
        return
    if is_isolated(profile.network):
        # connect(2) of a datagram socket sends nothing: it looks for a route. 192.0.2.0/24 is for documentation.
        peer = _address(b"\xc0\x00\x02\x01", 9)
        steps = (("socket", (_AF_INET, _DATAGRAM, 0)), ("connect", (Result(1), peer, len(peer))))
        yield "connect to another host", NETWORK, steps
    elif port_sysctl(profile, profile.network):
        port = LOWEST_FREE_PORT - 1
        own = _address(bytes(4), port)
        steps = (("socket", (_AF_INET, _STREAM, 0)), ("bind", (Result(1), own, len(own))))
        yield f"bind TCP port {port}", NETWORK, steps


def _call_attempts(profile: Profile) -> Iterator[Planned]:
    """Yield attempts at system calls that are not allowed."""
    if profile.calls is None or profile.calls.log_only:
        return
    possible: tuple[tuple[str, Steps], ...] = (
        ("create System V shared memory", (("shmget", (0, 4096, 0o600)),)),
        ("create a System V semaphore", (("semget", (0, 1, 0o600)),)),
        ("create a System V message queue", (("msgget", (0, 0o600)),)),
        ("create a POSIX message queue", (("mq_open", (_FILE + b"\0", os.O_CREAT | os.O_RDWR, 0o600, 0)),)),
        ("set up io_uring", (("io_uring_setup", (1, Memory())),)),
        ("add a key", (("add_key", (b"user\0", _FILE + b"\0", b"x", 1, -2)),)),
        ("handle page faults", (("userfaultfd", (1,)),)),
        ("compare processes", (("getpid", ()), ("kcmp", (Result(1), Result(1), 0, 0, 0)))),
        ("mount a tmpfs", (("mount", (b"none\0", b"/proc\0", b"tmpfs\0", 0, 0)),)),
        ("create a namespace", (("unshare", (_NEW_UTS,)),)),
        ("change the root", (("chroot", (b"/\0",)),)),
    )
    for name, steps in possible:
        if steps[-1][0] not in profile.calls.names:
            yield name, CALLS, steps
    if "socket" in profile.calls.names and str(_AF_PACKET) not in {one.name for one in profile.calls.families}:
        yield "open a packet socket", CALLS, (("socket", (_AF_PACKET, _RAW, 0)),)


def _own_attempts(profile: Profile) -> Iterator[Planned]:
    """Yield attempts that a capability allows."""
    if profile.capabilities is None:
        return
    kept = {one.name for one in profile.capabilities.kept}
    device = b"/dev/" + _FILE + b"\0"
    possible: tuple[tuple[str, str, Steps], ...] = (
        ("NET_RAW", "open a raw socket", (("socket", (_AF_INET, _RAW, 1)),)),
        ("MKNOD", "create a device", (("mknodat", (_AT_FDCWD, device, stat.S_IFCHR | 0o600, 0x0AC8)),)),
        ("SETGID", "become another group", (("setgid", (65534,)),)),
        ("SETUID", "become another user", (("setuid", (65534,)),)),
    )
    for capability, name, steps in possible:
        if capability not in kept:
            yield name, CAPABILITIES, steps


def find_errors(planned: tuple[Planned, ...], results: Sequence[int]) -> tuple[int, ...]:
    """Return the errno of the first call of each attempt that failed, 0 if none did, from the results of all calls."""
    left = iter(results)
    return tuple(next((-one for one in [next(left) for _ in steps] if one < 0), 0) for _, _, steps in planned)


def judge(planned: tuple[Planned, ...], *results: tuple[int, ...]) -> tuple[Attempt, ...]:
    """Return the attempts with their results without restrictions, with docker's own, and under the profile."""
    return tuple(
        Attempt(name=name, by=by, control=error_name(free), default=error_name(usual), confined=error_name(now))
        for (name, by, _), free, usual, now in zip(planned, *results, strict=True)
    )


def error_name(number: int) -> str:
    """Return ok, or the name of an errno."""
    return errno.errorcode.get(number, str(number)) if number else "ok"
