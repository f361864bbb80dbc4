"""The gate: a static program that only waits, so that a container can be held before its first instruction runs.

The container is created with the gate as entrypoint and the real argv behind it. The process that waits in the gate is
the app's own: user, environment, cgroup, mounts and pid are as the engine made them, PID 1 included. The tracer then
makes it install the filter and execve the real program, by setting registers at the gate's system call instruction.

PID 1 of a pid namespace cannot stop itself (SIGSTOP is ignored there, pid_namespaces(7)), hence a wait that signals do
not end.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
from dataclasses import dataclass
from pathlib import Path

GATE_NAME = ".docker-slim-gate"
GATE_PATH = f"/{GATE_NAME}"
"""Where the gate lies in a held container, until a process waits there; never part of an image."""

_LOAD_ADDRESS = 0x400000
_HEADERS = 64 + 56
_ALIGNMENT = 0x10000
"""Of the largest pages in use: aarch64 has kernels with 64 KiB."""
_POLL_SECONDS = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCode:
    """One architecture's gate."""

    elf_machine: int
    assembly: str
    """What `code` was assembled from; the label `call` is the system call instruction."""
    code: bytes
    syscall_offset: int
    """Of the system call instruction, in `code`."""

    @property
    def syscall_address(self) -> int:
        return _LOAD_ADDRESS + _HEADERS + self.syscall_offset

    def contains(self, address: int) -> bool:
        """Tell whether an instruction pointer lies in the gate's code."""
        start = _LOAD_ADDRESS + _HEADERS
        return start <= address <= start + len(self.code)

    def elf(self) -> bytes:
        """Return the whole program."""
        return static_program(self.elf_machine, self.code)


def static_program(elf_machine: int, code: bytes) -> bytes:
    """Return `code` as a program: ELF header, one program header (PT_LOAD, read and execute), the code (elf(5))."""
    size = _HEADERS + len(code)
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)
    entry = _LOAD_ADDRESS + _HEADERS
    header = struct.pack("<HHIQQQIHHHHHH", 2, elf_machine, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, _ALIGNMENT)
    return identity + header + load + code


_PAUSE = """
    .intel_syntax noprefix
_start:
    mov eax, 34     # pause(2)
call:
    syscall
    jmp _start
"""
_PPOLL = """
_start:
    mov x0, #0      // ppoll(NULL, 0, NULL, NULL, 0): aarch64 has no pause(2)
    mov x1, #0
    mov x2, #0
    mov x3, #0
    mov x4, #0
    mov x8, #73
call:
    svc #0
    b _start
"""

GATES = {
    "x86_64": GateCode(elf_machine=62, assembly=_PAUSE, code=bytes.fromhex("b822000000 0f05 ebf7"), syscall_offset=5),
    "aarch64": GateCode(
        elf_machine=183,
        assembly=_PPOLL,
        code=bytes.fromhex("000080d2 010080d2 020080d2 030080d2 040080d2 280980d2 010000d4 f9ffff17"),
        syscall_offset=24,
    ),
}
"""By `os.uname().machine`."""


def write_gate(file: Path) -> None:
    """Write this machine's gate as a program that everybody may execute."""
    file.write_bytes(GATES[os.uname().machine].elf())
    file.chmod(0o755)


def hide_gate(pid: int) -> None:
    """Take the gate's name away from the process that waits there: what the app finds in its root is the image's.

    Where the gate is a mount of its own (a read-only container), it stays.
    """
    with contextlib.suppress(OSError):
        os.unlink(f"/proc/{pid}/root{GATE_PATH}")


def waits_at_gate(pid: int) -> bool:
    """Tell whether `pid` runs the gate; before that it is still runc's init, which must not be touched."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")) == GATE_NAME
    except OSError:
        return False


def find_gate(init: int, deadline: float) -> int | None:
    """Return the host pid that waits in the gate: `init`, or a descendant where the container has an init of docker's.

    None when it does not come up before `deadline` (time.monotonic()).
    """
    while time.monotonic() < deadline:
        for pid in _with_children(init):
            if waits_at_gate(pid):
                return pid
        if not os.path.exists(f"/proc/{init}"):
            return None
        time.sleep(_POLL_SECONDS)
    return None


def _with_children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [pid, *map(int, file.read().split())]
    except OSError:
        return [pid]
