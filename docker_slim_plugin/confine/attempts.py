"""Attempts that a confined process must not succeed with, as a static program that needs nothing of the image.

The program makes the system calls of its table and writes their results. It runs twice in a container of the image: as
it is, which is the control, and behind the launcher, in place of the app. Its code is the same each time
(attempts_code.py), and behind it is the table:

    u32 number of calls, 0
    calls: u64 number, u64 arguments[6], u8 kinds[8]
    texts and structures

An argument is a value (0), an offset in the table (1), the result of an earlier call (2), or an offset in writable,
zeroed memory (3).
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from docker_slim_plugin.confine import attempts_code
from docker_slim_plugin.confine.description import LANDLOCK, SECCOMP
from docker_slim_plugin.confine.rules import Rules
from docker_slim_plugin.confine.seccomp_bpf import MACHINES
from docker_slim_plugin.engine.gate import GATES, static_program
from docker_slim_plugin.model.confinement import Attempt

CODES = {"x86_64": attempts_code.X86_64_CODE, "aarch64": attempts_code.AARCH64_CODE}
ASSEMBLIES = {"x86_64": attempts_code.X86_64, "aarch64": attempts_code.AARCH64}
_CALL = struct.Struct("<Q6Q8s")
_NUMBERS = {
    "x86_64": {
        "openat": 257,
        "ioctl": 16,
        "bind": 49,
        "listen": 50,
        "connect": 42,
        "kill": 62,
        "wait": 34,
        "ptrace": 101,
    },
    "aarch64": {
        "openat": 56,
        "ioctl": 29,
        "bind": 200,
        "listen": 201,
        "connect": 203,
        "kill": 129,
        "wait": 73,
        "ptrace": 117,
    },
}
"""The calls that the seccomp filter does not name. `wait` is pause(2), or ppoll(2) with nothing to wait for."""
AT_FDCWD = (1 << 64) - 100
OUTSIDE = b"\x01\x00\x00docker-slim-outside"
"""struct sockaddr_un of the abstract socket of a process outside."""
RNDGETENTCNT = 0x80045200
IPC_CREAT = 0o1000
PTRACE_SEIZE = 0x4206
PORTS = range(61001, 61200)
PLACES = ("/", "/etc", "/var", "/usr", "/tmp", "/var/tmp", "/dev/shm", "/home")  # noqa: S108
NAME = ".docker-slim-attempt"


@dataclass(frozen=True, slots=True)
class Text:
    """An argument that points to these bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Result:
    """An argument that is the result of an earlier call of the same step."""

    back: int


@dataclass(frozen=True, slots=True)
class Memory:
    """An argument that points to writable memory."""

    offset: int = 0


Argument = int | Text | Result | Memory
Call = tuple[str, tuple[Argument, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One attempt: calls, of which the last one must be refused."""

    name: str
    by: str
    calls: tuple[Call, ...]
    abi: int = 0
    """The first Landlock ABI that refuses it."""
    kind: str = ""
    """Steps of one kind are alternatives: the first whose control succeeds counts."""


def program(machine: str, calls: Sequence[Call]) -> bytes:
    """Return the program that makes `calls`, as an ELF file."""
    numbers = {**MACHINES[machine].numbers, **_NUMBERS[machine], "landlock_create_ruleset": 444}
    records, texts = [], b""
    at_texts = 8 + _CALL.size * len(calls)
    for index, (name, arguments) in enumerate(calls):
        values, kinds = [], []
        for argument in arguments:
            match argument:
                case Text(data):
                    values.append(at_texts + len(texts))
                    kinds.append(1)
                    texts += data
                case Result(back):
                    values.append(index - back)
                    kinds.append(2)
                case Memory(offset):
                    values.append(offset)
                    kinds.append(3)
                case int(value):
                    values.append(value)
                    kinds.append(0)
        padding = [0] * (6 - len(values))
        records.append(_CALL.pack(numbers[name], *values, *padding, bytes(kinds)))
    table = struct.pack("<II", len(calls), 0) + b"".join(records) + texts
    return static_program(GATES[machine].elf_machine, CODES[machine] + table)


def holder(machine: str) -> bytes:
    """Return the first process of the container: it has an abstract socket, and waits."""
    name = Text(OUTSIDE)
    calls: tuple[Call, ...] = (
        ("socket", (1, 1, 0)),
        ("bind", (Result(1), name, len(OUTSIDE))),
        ("listen", (Result(2), 5)),
        ("wait", ()),
    )
    return program(machine, calls)


def steps(rules: Rules) -> Iterator[Step]:
    """Yield everything that the rules must refuse."""
    bind_port = next(port for port in PORTS if port not in rules.bind)
    connect_port = next(port for port in PORTS if port not in rules.connect)
    here, there = _address(bind_port), _address(connect_port)
    stream: Call = ("socket", (2, 1, 0))
    yield Step(name=f"bind TCP port {bind_port}", by=LANDLOCK, abi=4, calls=(stream, ("bind", (Result(1), here, 16))))
    yield Step(
        name=f"connect to TCP port {connect_port}",
        by=LANDLOCK,
        abi=4,
        calls=(stream, ("connect", (Result(1), there, 16))),
    )
    fast_open = ("sendto", (Result(1), Text(b"x"), 1, 0x20000000, there, 16))
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
        queue = Text(b"docker-slim\0")
        yield Step(name="mq_open", by=SECCOMP, calls=(("mq_open", (queue, os.O_CREAT | os.O_RDWR, 0o600, 0)),))
    if rules.abstract_scoped:
        reach = ("connect", (Result(1), Text(OUTSIDE), len(OUTSIDE)))
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
            path = Text(os.fsencode(f"{place.rstrip('/')}/{NAME}\0"))
            made = ("openat", (AT_FDCWD, path, os.O_CREAT | os.O_WRONLY, 0o600))
            yield Step(name=f"make a file in {place}", by=LANDLOCK, abi=2, calls=(made,), kind="file")
    if "/dev/urandom" not in rules.devices:
        opened: Call = ("openat", (AT_FDCWD, Text(b"/dev/urandom\0"), os.O_RDONLY, 0))
        asked = ("ioctl", (Result(1), RNDGETENTCNT, Memory()))
        yield Step(name="ioctl on /dev/urandom", by=LANDLOCK, abi=5, calls=(opened, asked))


def _address(port: int) -> Text:
    """Return struct sockaddr_in of a port on 127.0.0.1."""
    return Text(struct.pack("<H", 2) + struct.pack("!H", port) + bytes((127, 0, 0, 1)) + bytes(8))


def _is_below(path: str, places: Collection[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


ABI: Call = ("landlock_create_ruleset", (0, 0, 1))


def attempts_program(rules: Rules, machine: str) -> bytes:
    """Return the program of all attempts; its first result is the kernel's Landlock ABI."""
    return program(machine, (ABI, *(call for step in steps(rules) for call in step.calls)))


def results(rules: Rules, control: bytes, confined: bytes) -> tuple[Attempt, ...]:
    """Return the attempts with what the program wrote without the launcher, and behind it.

    ValueError if either is cut off.
    """
    found: list[Attempt] = []
    chosen: set[str] = set()
    (abi, *alone), (_, *behind) = _decoded(rules, control), _decoded(rules, confined)
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


def _decoded(rules: Rules, output: bytes) -> tuple[int, ...]:
    count = 1 + sum(len(step.calls) for step in steps(rules))
    if len(output) < 8 * count:
        raise ValueError(f"{len(output)} bytes, not {8 * count}")
    return struct.unpack(f"<{count}q", output[: 8 * count])


def _named(result: int) -> str:
    return "ok" if result >= 0 else errno.errorcode.get(-result, str(-result))
