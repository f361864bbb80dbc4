"""The seccomp filter of a confined image: it refuses what Landlock does not know, and lets everything else pass.

Landlock restricts bind(2) and connect(2) of TCP sockets alone. The filter closes the ways around it: other protocols
that carry streams, MSG_FASTOPEN, io_uring (whose operations no filter sees) and other ABIs of the same kernel.

The program is assembled here and not by libseccomp: that compares 64 bits of an argument, and the kernel uses 32 of an
`int`. A caller could set the others, and pass. See seccomp(2), and linux/bpf_common.h for the instructions.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from docker_slim_plugin.confine.rules import Rules

AF_INET, AF_INET6, AF_PACKET = 2, 10, 17
RARE_FAMILIES = {"AF_RDS": 21, "AF_TIPC": 30, "AF_VSOCK": 40, "AF_SMC": 43, "AF_XDP": 44}
"""Families that reach other hosts, or the host of a virtual machine, without TCP or UDP of AF_INET."""
SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_PACKET = 1, 2, 3, 10
"""SOCK_PACKET of AF_INET is another spelling of AF_PACKET."""
SOCK_TYPE_MASK = 0xF
"""The other bits of the type are SOCK_NONBLOCK and SOCK_CLOEXEC."""
IPPROTO_TCP = 6
MSG_FASTOPEN = 0x20000000
X32_BIT = 0x40000000

SYSV_IPC = (
    "shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semtimedop", "semctl", "msgget", "msgsnd", "msgrcv",
    "msgctl",
)  # fmt: skip
MESSAGE_QUEUES = ("mq_open", "mq_unlink")


class Machine(NamedTuple):
    """What differs between architectures."""

    audit: int
    """AUDIT_ARCH_*."""
    numbers: Mapping[str, int]


def _numbered(text: str) -> dict[str, int]:
    words = text.split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


MACHINES = {
    "x86_64": Machine(0xC000003E, _numbered("""
        socket 41 sendto 44 sendmsg 46 sendmmsg 307 io_uring_setup 425
        shmget 29 shmat 30 shmctl 31 shmdt 67 semget 64 semop 65 semctl 66 semtimedop 220
        msgget 68 msgsnd 69 msgrcv 70 msgctl 71 mq_open 240 mq_unlink 241
    """)),
    "aarch64": Machine(0xC00000B7, _numbered("""
        socket 198 sendto 206 sendmsg 211 sendmmsg 269 io_uring_setup 425
        shmget 194 shmat 196 shmctl 195 shmdt 197 semget 190 semop 193 semctl 191 semtimedop 192
        msgget 186 msgsnd 189 msgrcv 188 msgctl 187 mq_open 180 mq_unlink 181
    """)),
}  # fmt: skip
"""By `os.uname().machine`; numbers of the kernel's own tables."""

_LOAD, _EQUAL, _SET, _AND, _RETURN, _JUMP = 0x20, 0x15, 0x45, 0x54, 0x06, 0x05
"""BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_JMP|JSET|K, BPF_ALU|AND|K, BPF_RET|K, BPF_JMP|JA."""
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16
"""Offsets in struct seccomp_data."""
ALLOW = 0x7FFF0000
EACCES, EPERM = 0x00050000 | errno.EACCES, 0x00050000 | errno.EPERM
"""SECCOMP_RET_ERRNO."""
Code = list[tuple[int, int, int, int]]
"""Instructions: code, jump if true, jump if false, number. A block ends in a return, or goes on behind its end."""


def filter_program(rules: Rules, machine: str) -> bytes:
    """Return the filter as an array of struct sock_filter."""
    audit, numbers = MACHINES[machine]
    code: Code = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, audit), (_RETURN, 0, 0, EPERM), (_LOAD, 0, 0, _NUMBER)]
    if machine == "x86_64":
        code += [(_SET, 0, 1, X32_BIT), (_RETURN, 0, 0, EPERM)]
    for name, block in _blocks(rules).items():
        assert len(block) < 256, "a conditional jump reaches 255 instructions"
        code += [(_EQUAL, 0, len(block), numbers[name]), *block]
    code.append((_RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)


def _blocks(rules: Rules) -> dict[str, Code]:
    """Return what is done at each system call; each block returns."""
    refuse: Code = [(_RETURN, 0, 0, EACCES)]
    blocks = {"socket": _socket(rules)}
    for name, argument in (("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)):
        blocks[name] = [_argument(argument), (_SET, 0, 1, MSG_FASTOPEN), *refuse, (_RETURN, 0, 0, ALLOW)]
    if not rules.io_uring:
        blocks["io_uring_setup"] = [(_RETURN, 0, 0, EPERM)]
    unused = (*(() if rules.sysv_ipc else SYSV_IPC), *(() if rules.message_queues else MESSAGE_QUEUES))
    return blocks | dict.fromkeys(unused, refuse)


def _socket(rules: Rules) -> Code:
    """Return the block for socket(domain, type, protocol)."""
    refused = [family for family in RARE_FAMILIES.values() if family not in rules.families]
    refused += [] if rules.packet else [AF_PACKET]
    code: Code = [_argument(0)]
    for family in refused:
        code += [(_EQUAL, 0, 1, family), (_RETURN, 0, 0, EACCES)]
    code += [(_EQUAL, 2, 0, AF_INET), (_EQUAL, 1, 0, AF_INET6), (_RETURN, 0, 0, ALLOW)]
    code += [_argument(1), (_AND, 0, 0, SOCK_TYPE_MASK)]
    for allowed, kind in ((rules.udp, SOCK_DGRAM), (rules.raw, SOCK_RAW), (rules.packet, SOCK_PACKET)):
        if allowed:
            code += [(_EQUAL, 0, 1, kind), (_RETURN, 0, 0, ALLOW)]
    # SOCK_SEQPACKET is SCTP, and MPTCP, SCTP and SMC are streams of another protocol.
    code += [(_EQUAL, 1, 0, SOCK_STREAM), (_RETURN, 0, 0, EACCES), _argument(2)]
    return [*code, (_EQUAL, 2, 0, 0), (_EQUAL, 1, 0, IPPROTO_TCP), (_RETURN, 0, 0, EACCES), (_RETURN, 0, 0, ALLOW)]


def _argument(number: int) -> tuple[int, int, int, int]:
    """Return the instruction that loads the low 32 bits of an argument; both architectures are little-endian."""
    return (_LOAD, 0, 0, _FIRST_ARGUMENT + 8 * number)


def calls(rules: Rules) -> Iterable[str]:
    """Return the system calls that the filter looks at."""
    return _blocks(rules)
