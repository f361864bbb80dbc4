"""Attempts that a confined process must not succeed with, as a static program that needs nothing of the image.

It runs twice in a container of the image: as it is, which is the control, and behind the launcher, in place of the app.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from docker_slim_plugin.confine.description import LANDLOCK, SECCOMP
from docker_slim_plugin.confine.rules import Rules
from docker_slim_plugin.engine.attempt_program import Memory, Result, SystemCall, attempt_program, read_results
from docker_slim_plugin.model.confinement import Attempt

AT_FDCWD = -100
OUTSIDE = b"\x01\x00\x00docker-slim-outside"
"""struct sockaddr_un of the abstract socket of a process outside."""
RNDGETENTCNT = 0x80045200
IPC_CREAT = 0o1000
PTRACE_SEIZE = 0x4206
PORTS = range(61001, 61200)
PLACES = ("/", "/etc", "/var", "/usr", "/tmp", "/var/tmp", "/dev/shm", "/home")  # noqa: S108
NAME = ".docker-slim-attempt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One attempt: calls, of which the last one must be refused."""

    name: str
    by: str
    calls: tuple[SystemCall, ...]
    abi: int = 0
    """The first Landlock ABI that refuses it."""
    kind: str = ""
    """Steps of one kind are alternatives: the first whose control succeeds counts."""


def holder(machine: str) -> bytes:
    """Return the first process of the container: it has an abstract socket, and waits."""
    calls: tuple[SystemCall, ...] = (
        ("socket", (1, 1, 0)),
        ("bind", (Result(1), OUTSIDE, len(OUTSIDE))),
        ("listen", (Result(2), 5)),
        ("pause", ()),
    )
    return attempt_program(machine, calls)


def steps(rules: Rules) -> Iterator[Step]:
    """Yield everything that the rules must refuse."""
    bind_port = next(port for port in PORTS if port not in rules.bind)
    connect_port = next(port for port in PORTS if port not in rules.connect)
    here, there = _address(bind_port), _address(connect_port)
    stream: SystemCall = ("socket", (2, 1, 0))
    yield Step(name=f"bind TCP port {bind_port}", by=LANDLOCK, abi=4, calls=(stream, ("bind", (Result(1), here, 16))))
    yield Step(
        name=f"connect to TCP port {connect_port}",
        by=LANDLOCK,
        abi=4,
        calls=(stream, ("connect", (Result(1), there, 16))),
    )
    fast_open = ("sendto", (Result(1), b"x", 1, 0x20000000, there, 16))
    yield Step(name=f"MSG_FASTOPEN to TCP port {connect_port}", by=SECCOMP, calls=(stream, fast_open))
    yield Step(name="MPTCP socket", by=SECCOMP, calls=(("socket", (2, 1, 262)),))
    kinds = (
        ("UDP socket", 2, 2, 0, rules.udp),
        ("raw socket", 2, 3, 1, rules.raw),
        ("packet socket", 17, 3, 0, rules.packet),
    )
    for name, family, kind, protocol, is_used in kinds:
        if not is_used:
            yield Step(name=name, by=SECCOMP, calls=(("socket", (family, kind, protocol)),))
    yield Step(name="io_uring_setup", by=SECCOMP, calls=(("io_uring_setup", (1, Memory())),))
    if not rules.sysv_ipc:
        yield Step(name="shmget", by=SECCOMP, calls=(("shmget", (0, 4096, IPC_CREAT | 0o600)),))
    if not rules.message_queues:
        queue = b"docker-slim\0"
        yield Step(name="mq_open", by=SECCOMP, calls=(("mq_open", (queue, os.O_CREAT | os.O_RDWR, 0o600, 0)),))
    if rules.abstract_scoped:
        reach = ("connect", (Result(1), OUTSIDE, len(OUTSIDE)))
        yield Step(
            name="abstract socket of a process outside", by=LANDLOCK, abi=6, calls=(("socket", (1, 1, 0)), reach)
        )
    if rules.signals_scoped:
        yield Step(name="signal to a process outside", by=LANDLOCK, abi=6, calls=(("kill", (1, 0)),))
    # Landlock forbids that to each process with a ruleset, and ABI 1 gets none.
    seize = ("ptrace", (PTRACE_SEIZE, 1, 0, 0))
    yield Step(name="ptrace of a process outside", by=LANDLOCK, abi=2 if rules.files else 4, calls=(seize,))
    yield from _files(rules)


def _files(rules: Rules) -> Iterator[Step]:
    if not rules.files:
        return
    for place in PLACES:
        if not _is_below(place, rules.write):
            path = os.fsencode(f"{place.rstrip('/')}/{NAME}\0")
            made = ("openat", (AT_FDCWD, path, os.O_CREAT | os.O_WRONLY, 0o600))
            yield Step(name=f"make a file in {place}", by=LANDLOCK, abi=2, calls=(made,), kind="file")
    if "/dev/urandom" not in rules.devices:
        opened: SystemCall = ("openat", (AT_FDCWD, b"/dev/urandom\0", os.O_RDONLY, 0))
        asked = ("ioctl", (Result(1), RNDGETENTCNT, Memory()))
        yield Step(name="ioctl on /dev/urandom", by=LANDLOCK, abi=5, calls=(opened, asked))


def _address(port: int) -> bytes:
    """Return struct sockaddr_in of a port on 127.0.0.1."""
    return struct.pack("<H", 2) + struct.pack("!H", port) + bytes((127, 0, 0, 1)) + bytes(8)


def _is_below(path: str, places: Collection[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


ABI: SystemCall = ("landlock_create_ruleset", (0, 0, 1))


def attempts_program(rules: Rules, machine: str) -> bytes:
    """Return the program of all attempts; its first result is the kernel's Landlock ABI."""
    return attempt_program(machine, (ABI, *(call for step in steps(rules) for call in step.calls)))


def results(rules: Rules, control: str, confined: str) -> tuple[Attempt, ...]:
    """Return the attempts with what the program wrote without the launcher, and behind it.

    ValueError if either is cut off.
    """
    found: list[Attempt] = []
    chosen: set[str] = set()
    count = 1 + sum(len(step.calls) for step in steps(rules))
    (abi, *alone), (_, *behind) = read_results(control, count), read_results(confined, count)
    at = -1
    for step in steps(rules):
        at += len(step.calls)
        attempt = Attempt(
            name=step.name,
            by=step.by,
            control=_named(alone[at]),
            confined=_named(behind[at]),
            is_enforceable=max(abi, 0) >= step.abi,
        )
        if step.kind and (step.kind in chosen or not attempt.is_tried):
            continue
        chosen.add(step.kind)
        found.append(attempt)
    return tuple(found)


def _named(result: int) -> str:
    return "ok" if result >= 0 else errno.errorcode.get(-result, str(-result))
