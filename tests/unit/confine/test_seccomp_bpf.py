"""The filter of a confined image, interpreted as the kernel does."""

from __future__ import annotations

import errno
import struct
from dataclasses import replace

import pytest

from docker_slim_plugin.confine.rules import Rules
from docker_slim_plugin.confine.seccomp_bpf import ALLOW, MACHINES, MESSAGE_QUEUES, SYSV_IPC, filter_program

NATIVE = pytest.mark.parametrize("machine", sorted(MACHINES))
INET, INET6, UNIX, NETLINK, PACKET, SMC, VSOCK = 2, 10, 1, 16, 17, 43, 40
STREAM, DGRAM, RAW, SEQPACKET, NONBLOCK = 1, 2, 3, 5, 0o4000
MPTCP, SCTP, TCP = 262, 132, 6
FASTOPEN = 0x20000000


def answer(rules: Rules, machine: str, call: str, *arguments: int, arch: int = 0, number: int | None = None) -> str:
    """Return "allow", or the name of the errno."""
    program = list(struct.iter_unpack("<HBBI", filter_program(rules, machine)))
    nr = MACHINES[machine].numbers.get(call, 1000) if number is None else number
    data = struct.pack("<IIQ6Q", nr, arch or MACHINES[machine].audit, 0, *arguments, *[0] * (6 - len(arguments)))
    at = value = 0
    while True:
        code, true, false, constant = program[at]
        at += 1
        match code:
            case 0x20:
                (value,) = struct.unpack_from("<I", data, constant)
            case 0x54:
                value &= constant
            case 0x15:
                at += true if value == constant else false
            case 0x45:
                at += true if value & constant else false
            case 0x06:
                return "allow" if constant == ALLOW else errno.errorcode[constant & 0xFFFF]
            case _:
                raise AssertionError(code)


@NATIVE
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((INET, STREAM, 0), "allow"),
        ((INET6, STREAM | NONBLOCK, TCP), "allow"),
        ((INET, STREAM, MPTCP), "EACCES"),
        ((INET6, STREAM, SCTP), "EACCES"),
        ((INET, SEQPACKET, SCTP), "EACCES"),
        ((INET, STREAM, 256), "EACCES"),
        ((INET, DGRAM, 0), "EACCES"),
        ((INET6, DGRAM | NONBLOCK, 0), "EACCES"),
        ((INET, RAW, 1), "EACCES"),
        ((INET | 1 << 32, RAW, 1), "EACCES"),
        ((INET, RAW | 1 << 32, 1), "EACCES"),
        ((INET, STREAM, MPTCP | 1 << 32), "EACCES"),
        ((INET, STREAM | 1 << 4, MPTCP), "EACCES"),
        ((PACKET, RAW, 0), "EACCES"),
        ((SMC, STREAM, 0), "EACCES"),
        ((VSOCK, STREAM, 0), "EACCES"),
        ((UNIX, DGRAM, 0), "allow"),
        ((NETLINK, RAW, 0), "allow"),
    ],
)
def test_kinds_of_sockets(machine: str, arguments: tuple[int, ...], expected: str) -> None:
    assert answer(Rules(), machine, "socket", *arguments) == expected


@NATIVE
def test_what_is_used_is_allowed_and_nothing_else(machine: str) -> None:
    udp = Rules(udp=True)
    assert [answer(udp, machine, "socket", INET, kind) for kind in (DGRAM, RAW)] == ["allow", "EACCES"]
    raw = Rules(raw=True)
    assert [answer(raw, machine, "socket", INET6, kind) for kind in (DGRAM, RAW)] == ["EACCES", "allow"]
    assert answer(Rules(packet=True), machine, "socket", PACKET, RAW) == "allow"
    assert [answer(Rules(packet=one), machine, "socket", INET, 10) for one in (True, False)] == ["allow", "EACCES"]
    assert [answer(Rules(families=(VSOCK,)), machine, "socket", one, STREAM) for one in (VSOCK, SMC)] == ["allow", "EACCES"]


@NATIVE
@pytest.mark.parametrize(("call", "position"), [("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)])
def test_fast_open_is_refused(machine: str, call: str, position: int) -> None:
    before = [0] * position
    assert answer(Rules(), machine, call, *before, FASTOPEN | 0x40) == "EACCES"
    assert answer(Rules(), machine, call, *before, 0x4040) == "allow"


@NATIVE
def test_ipc_and_io_uring(machine: str) -> None:
    used = replace(Rules(), sysv_ipc=True, message_queues=True, io_uring=True)
    for call in (*SYSV_IPC, *MESSAGE_QUEUES):
        assert (answer(Rules(), machine, call), answer(used, machine, call)) == ("EACCES", "allow")
    assert (answer(Rules(), machine, "io_uring_setup"), answer(used, machine, "io_uring_setup")) == ("EPERM", "allow")


@NATIVE
def test_other_abis_are_refused(machine: str) -> None:
    assert answer(Rules(), machine, "", arch=0x40000003) == "EPERM"
    assert answer(Rules(), machine, "") == "allow"
    if machine == "x86_64":
        assert answer(Rules(), machine, "", number=0x40000000 | 41) == "EPERM"


@NATIVE
def test_the_numbers_are_those_of_libseccomp(machine: str) -> None:
    seccomp = pytest.importorskip("pyseccomp")
    arch = {"x86_64": seccomp.Arch.X86_64, "aarch64": seccomp.Arch.AARCH64}[machine]
    numbers = MACHINES[machine].numbers
    assert {name: seccomp.resolve_syscall(arch, name) for name in numbers} == numbers
