"""A static program that makes system calls one after the other, and writes what became of them to standard output.

It shows inside a container what the container may do. It needs nothing of the image: no library, no loader, no shell.
Like the gate, it is generated as machine code for this machine.

For each attempt it writes two letters: the errno of the first call that failed, 0 if none did, in base 16 with the
digits A to P.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from docker_slim_plugin.engine.gate import CODE_ADDRESS, static_program


class Scratch:
    """As an argument: the address of 4096 bytes of zeros that the kernel may write to."""


class Result:
    """As an argument: the result of the attempt's first call."""


Argument = int | bytes | Scratch | Result
"""A number, the address of bytes, or one of the above."""
SCRATCH, RESULT = Scratch(), Result()


@dataclass(frozen=True, slots=True)
class Step:
    """One system call."""

    call: str
    arguments: tuple[Argument, ...] = ()


Steps = tuple[Step, ...]

_NUMBERS: Mapping[str, tuple[int, int]] = {
    "write": (1, 64),
    "exit_group": (231, 94),
    "openat": (257, 56),
    "mount": (165, 40),
    "unshare": (272, 97),
    "chroot": (161, 51),
    "mknodat": (259, 33),
    "socket": (41, 198),
    "bind": (49, 200),
    "connect": (42, 203),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "io_uring_setup": (425, 425),
    "add_key": (248, 217),
    "userfaultfd": (323, 282),
    "getpid": (39, 172),
    "kcmp": (312, 272),
    "setuid": (105, 146),
    "setgid": (106, 144),
}
"""Numbers of system calls: x86_64, aarch64."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The instructions of one architecture."""

    elf_machine: int
    column: int
    """Of `_NUMBERS`."""
    prologue: bytes
    """Reserve two pages of the stack: scratch below, results above; their end, and their begin."""
    load: Callable[[int, Argument | int], bytes]
    """Put an argument into the register of its position; the length does not depend on the value."""
    call: Callable[[int], bytes]
    """Make the system call of this number."""
    keep: bytes
    """Keep the result as RESULT."""
    fail: Callable[[int], bytes]
    """If the result is an error: make it positive, and jump over so many bytes behind this."""
    succeed: bytes
    """Set the result to 0."""
    record: bytes
    """Append the result to the results."""
    results: bytes
    """Put 1, the begin and the length of the results into the first three registers."""


def attempt_program(machine: str, attempts: Sequence[Steps]) -> bytes:
    """Return the program as an ELF file; `machine` is as of uname(2)."""
    target = MACHINES[machine]
    data = _data(attempts)
    places: dict[bytes, int] = dict.fromkeys(data, 0)
    length = len(_code(target, attempts, places))
    at = CODE_ADDRESS + length
    for blob in data:
        places[blob] = at
        at += len(blob)
    return static_program(target.elf_machine, _code(target, attempts, places) + b"".join(data))


def _data(attempts: Sequence[Steps]) -> tuple[bytes, ...]:
    arguments = (one for steps in attempts for step in steps for one in step.arguments)
    return tuple(dict.fromkeys(one for one in arguments if isinstance(one, bytes)))


def _code(target: Machine, attempts: Sequence[Steps], places: Mapping[bytes, int]) -> bytes:
    code = target.prologue
    for steps in attempts:
        body = target.succeed
        for number, step in reversed(tuple(enumerate(steps))):
            call = b"".join(
                target.load(position, places[one] if isinstance(one, bytes) else one)
                for position, one in enumerate(step.arguments)
            )
            call += target.call(_NUMBERS[step.call][target.column])
            kept = target.keep if number == 0 else b""
            # The rest of the attempt is what a failure jumps over.
            rest = kept + body
            body = call + target.fail(len(rest)) + rest
        code += body + target.record
    code += target.results + target.call(_NUMBERS["write"][target.column])
    return code + target.load(0, 0) + target.call(_NUMBERS["exit_group"][target.column])


def read_results(output: str) -> tuple[int, ...]:
    """Return the errno of each attempt, 0 for success, from what the program has written."""
    letters = output.strip()
    if len(letters) % 2 or any(not "A" <= letter <= "P" for letter in letters):
        return ()
    digits = [ord(letter) - ord("A") for letter in letters]
    return tuple(high << 4 | low for high, low in zip(digits[::2], digits[1::2], strict=True))


# -- x86_64: rdi, rsi, rdx, r10, r8, r9; r12 keeps the result, r13 and rbx are begin and end of the results --

_X86_NUMBER = tuple(map(bytes.fromhex, ("48bf", "48be", "48ba", "49ba", "49b8", "49b9")))
_X86_RESULT = tuple(map(bytes.fromhex, ("4c89e7", "4c89e6", "4c89e2", "4d89e2", "4d89e0", "4d89e1")))
_X86_STACK = tuple(map(bytes.fromhex, ("4889e7", "4889e6", "4889e2", "4989e2", "4989e0", "4989e1")))


def _x86_load(position: int, argument: Argument | int) -> bytes:
    if isinstance(argument, Scratch):
        return _X86_STACK[position]
    if isinstance(argument, Result):
        return _X86_RESULT[position]
    assert isinstance(argument, int)
    return _X86_NUMBER[position] + struct.pack("<Q", argument & (1 << 64) - 1)


def _x86_fail(length: int) -> bytes:
    # test rax, rax; jns over; neg eax; jmp length
    return bytes.fromhex("4885c0 7907 f7d8 e9") + struct.pack("<i", length)


# -- aarch64: x0 to x5; x20 keeps the result, x21 and x19 are begin and end of the results --


def _arm_words(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


def _arm_load(position: int, argument: Argument | int) -> bytes:
    if isinstance(argument, Scratch):
        return _arm_words(0x910003E0 | position)  # add xN, sp, #0
    if isinstance(argument, Result):
        return _arm_words(0xAA1403E0 | position)  # mov xN, x20
    assert isinstance(argument, int)
    parts = [argument >> shift & 0xFFFF for shift in (0, 16, 32, 48)]
    # movz, and movk with a shift of 16, 32 and 48
    codes = (0xD2800000, 0xF2A00000, 0xF2C00000, 0xF2E00000)
    return _arm_words(*(code | part << 5 | position for code, part in zip(codes, parts, strict=True)))


def _arm_fail(length: int) -> bytes:
    # tbz x0, #63, over; neg w0, w0; b length (from this instruction on)
    return _arm_words(0xB6F80060, 0x4B0003E0, 0x14000000 | length // 4 + 1)


MACHINES = {
    "x86_64": Machine(
        elf_machine=62,
        column=0,
        # sub rsp, 8192; lea rbx, [rsp + 4096]; mov r13, rbx
        prologue=bytes.fromhex("4881ec00200000 488d9c2400100000 4989dd"),
        load=_x86_load,
        call=lambda number: b"\xb8" + struct.pack("<I", number) + b"\x0f\x05",  # mov eax, number; syscall
        keep=bytes.fromhex("4989c4"),  # mov r12, rax
        fail=_x86_fail,
        succeed=bytes.fromhex("31c0"),  # xor eax, eax
        # mov cl, al; shr cl, 4; add cl, 'A'; mov [rbx], cl; and al, 15; add al, 'A'; mov [rbx + 1], al; add rbx, 2
        record=bytes.fromhex("88c1 c0e904 80c141 880b 240f 0441 884301 4883c302"),
        # mov edi, 1; mov rsi, r13; mov rdx, rbx; sub rdx, r13
        results=bytes.fromhex("bf01000000 4c89ee 4889da 4c29ea"),
    ),
    "aarch64": Machine(
        elf_machine=183,
        column=1,
        # sub sp, sp, #8192; add x19, sp, #4096; mov x21, x19
        prologue=_arm_words(0xD1400BFF, 0x914007F3, 0xAA1303F5),
        load=_arm_load,
        call=lambda number: _arm_words(0xD2800008 | number << 5, 0xD4000001),  # mov x8, number; svc #0
        keep=_arm_words(0xAA0003F4),  # mov x20, x0
        fail=_arm_fail,
        succeed=_arm_words(0xD2800000),  # mov x0, #0
        # ubfx w1, w0, #4, #4; add w1, w1, 'A'; strb w1, [x19]; and w0, w0, #15; add w0, w0, 'A'; strb w0, [x19, #1];
        # add x19, x19, #2
        record=_arm_words(0x53041C01, 0x11010421, 0x39000261, 0x12000C00, 0x11010400, 0x39000660, 0x91000A73),
        # mov x0, #1; mov x1, x21; sub x2, x19, x21
        results=_arm_words(0xD2800020, 0xAA1503E1, 0xCB150262),
    ),
}
"""By `os.uname().machine`."""
