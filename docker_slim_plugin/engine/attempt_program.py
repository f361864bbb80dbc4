"""A static program that makes system calls one after the other, and writes their results to standard output.

It shows inside a container what a process there may do. It needs nothing of the image: no library, no loader, no shell.
Its code is the same each time (attempt_code.py), and behind it is the table:

    u32 number of calls, 0
    calls: u64 number, u64 arguments[6], u8 kinds[8]
    bytes that arguments point to

An argument is a value (0), an offset in the table (1), the result of an earlier call (2), or an offset in writable,
zeroed memory (3). Each result is written as 16 letters, its bytes in base 16 with the digits A to P: the engine's log
holds text alone.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from docker_slim_plugin.engine.attempt_code import CODES
from docker_slim_plugin.engine.gate import GATES, static_program

MAX_CALLS = 512
_CALL = struct.Struct("<Q6Q8s")
_VALUE, _IN_TABLE, _RESULT, _MEMORY = range(4)
_LETTERS = bytes.maketrans(b"ABCDEFGHIJKLMNOP", b"0123456789abcdef")
_DIGITS = 16


def _numbered(text: str) -> dict[str, tuple[int, int]]:
    words = text.split()
    return {name: (int(x86), int(arm)) for name, x86, arm in zip(words[::3], words[1::3], words[2::3], strict=True)}


NUMBERS: Mapping[str, tuple[int, int]] = _numbered("""
    write 1 64            exit_group 231 94     openat 257 56         ioctl 16 29
    socket 41 198         connect 42 203        sendto 44 206         bind 49 200
    listen 50 201         shmget 29 194         semget 64 190         msgget 68 186
    mq_open 240 180       io_uring_setup 425 425                      add_key 248 217
    userfaultfd 323 282   getpid 39 172         kcmp 312 272          kill 62 129
    ptrace 101 117        mount 165 40          unshare 272 97        chroot 161 51
    mknodat 259 33        setuid 105 146        setgid 106 144        landlock_create_ruleset 444 444
    pause 34 73
""")
"""Numbers of system calls: x86_64, aarch64. aarch64 has no pause(2): ppoll(2) with nothing to wait for is the same."""
_COLUMNS = {"x86_64": 0, "aarch64": 1}


@dataclass(frozen=True, slots=True)
class Result:
    """An argument that is the result of an earlier call: 1 is the previous one."""

    back: int


@dataclass(frozen=True, slots=True)
class Memory:
    """An argument that points to writable memory of 4096 bytes."""

    offset: int = 0


Argument = int | bytes | Result | Memory
"""A number, the address of bytes, or one of the above."""


SystemCall = tuple[str, tuple[Argument, ...]]
"""The name of a system call, and its arguments."""


def attempt_program(machine: str, calls: Sequence[SystemCall]) -> bytes:
    """Return the program that makes `calls`, as an ELF file; `machine` is as of uname(2).

    ValueError for more than MAX_CALLS.
    """
    if len(calls) > MAX_CALLS:
        raise ValueError(f"{len(calls)} calls, the most are {MAX_CALLS}")
    records, data = [], b""
    at_data = 8 + _CALL.size * len(calls)
    for index, (name, arguments) in enumerate(calls):
        values, kinds = [0] * 6, bytearray(8)
        for position, argument in enumerate(arguments):
            match argument:
                case bytes():
                    values[position], kinds[position] = at_data + len(data), _IN_TABLE
                    data += argument
                case Result(back):
                    values[position], kinds[position] = index - back, _RESULT
                case Memory(offset):
                    values[position], kinds[position] = offset, _MEMORY
                case int():
                    values[position], kinds[position] = argument & (1 << 64) - 1, _VALUE
        records.append(_CALL.pack(NUMBERS[name][_COLUMNS[machine]], *values, bytes(kinds)))
    table = struct.pack("<II", len(calls), 0) + b"".join(records) + data
    return static_program(GATES[machine].elf_machine, CODES[machine] + table)


def read_results(output: str, count: int) -> tuple[int, ...]:
    """Return the results of `count` calls from what the program has written; a failed call has its negative errno.

    ValueError if the output has no such results. What follows them is ignored.
    """
    text = output.lstrip()[: _DIGITS * count]
    if len(text) < _DIGITS * count or not set(text) <= set("ABCDEFGHIJKLMNOP"):
        raise ValueError(f"{len(text)} letters, not {_DIGITS * count}")
    return struct.unpack(f"<{count}q", bytes.fromhex(text.encode().translate(_LETTERS).decode()))
