"""The gate: a static program that only waits, and so holds a container before the app's first instruction.

The container is created with the gate as entrypoint, followed by the real argv. The process in the gate is the app's
process: the engine has set its user, environment, cgroup, mounts and pid, and it is PID 1 where the app would be. The
tracer then sets its registers at the gate's system call instruction to install the seccomp filter and to execve(2) the
real program.

PID 1 of a pid namespace cannot stop itself (SIGSTOP is ignored there, pid_namespaces(7)). Therefore the gate waits in a
loop that signals do not end.
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
"""Path of the gate in a container, until a process waits in it; it is never part of an image."""

_LOAD_ADDRESS = 0x400000
_HEADERS = 64 + 56
CODE_ADDRESS = _LOAD_ADDRESS + _HEADERS
"""Where the code of a static program begins in memory."""
_ALIGNMENT = 0x10000
"""The largest page size in use: some aarch64 kernels have 64 KiB pages."""
_POLL_SECONDS = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCode:
    """The gate of one architecture."""

    elf_machine: int
    assembly: str
    """Source of `code`; the label `call` is the system call instruction."""
    code: bytes
    syscall_offset: int
    """Offset of the system call instruction in `code`."""

    @property
    def syscall_address(self) -> int:
        return CODE_ADDRESS + self.syscall_offset

    def contains(self, address: int) -> bool:
        """Tell whether an instruction pointer is in the gate's code."""
        return CODE_ADDRESS <= address <= CODE_ADDRESS + len(self.code)

    def elf(self) -> bytes:
        """Return the program as an ELF file."""
        return static_program(self.elf_machine, self.code)


def static_program(elf_machine: int, code: bytes) -> bytes:
    """Return `code` as an ELF program: ELF header, one PT_LOAD program header (read and execute), the code (elf(5))."""
    size = _HEADERS + len(code)
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 2, elf_machine, 1, CODE_ADDRESS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
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
    """Write this machine's gate to an executable file."""
    file.write_bytes(GATES[os.uname().machine].elf())
    file.chmod(0o755)


def hide_gate(pid: int) -> None:
    """Remove the gate's file name from the root of the process in it, so that the app sees only the image's files.

    A gate that is a mount (in a read-only container) stays.
    """
    with contextlib.suppress(OSError):
        os.unlink(f"/proc/{pid}/root{GATE_PATH}")


def waits_at_gate(pid: int) -> bool:
    """Tell whether `pid` executes the gate; before that it is runc's init, which must not be traced."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")) == GATE_NAME
    except OSError:
        return False


def find_gate(init: int, deadline: float) -> int | None:
    """Return the host pid of the process in the gate: `init`, or a descendant if the container has docker's init.

    None when there is none before `deadline` (time.monotonic()).
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
