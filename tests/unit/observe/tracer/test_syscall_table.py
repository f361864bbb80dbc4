"""The table's numbers on each architecture: libseccomp must agree with the kernel's headers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docker_slim_plugin.observe.tracer.gate_release import NUMBERS
from docker_slim_plugin.observe.tracer.syscall_table import SYSCALLS, filter_program, numbers

INCLUDE = Path("/usr/include")
NUMBER = re.compile(r"#define __NR(?:3264)?_(\w+)\s+(\d+)$", re.MULTILINE)
X86_64, I386, AARCH64, ARM = 0xC000003E, 0x40000003, 0xC00000B7, 0x40000028
"""AUDIT_ARCH_* (linux/audit.h)"""
ABIS = [
    pytest.param("x86_64", X86_64, "x86_64-linux-gnu/asm/unistd_64.h", id="x86_64"),
    pytest.param("x86_64", I386, "x86_64-linux-gnu/asm/unistd_32.h", id="i386"),
    # linux-libc-dev of each architecture has only its own headers; asm-generic's are aarch64's, and are everywhere.
    pytest.param("aarch64", AARCH64, "asm-generic/unistd.h", id="aarch64"),
]


def header(name: str) -> dict[str, int]:
    """Return {system call: number} of a kernel header."""
    found = {name: int(number) for name, number in NUMBER.findall((INCLUDE / name).read_text(encoding="utf-8"))}
    found.pop("syscalls", None)  # how many there are
    # The names that 64-bit users of asm-generic give them.
    return found | ({"newfstatat": found["fstatat"]} if "fstatat" in found else {})


@pytest.mark.parametrize(("machine", "audit", "file"), ABIS)
def test_rows_have_the_kernels_numbers(machine: str, audit: int, file: str) -> None:
    theirs = {number: name for name, number in header(file).items()}
    ours = {number: SYSCALLS[row].name for (abi, number), row in numbers(machine).items() if abi == audit}
    assert {number: name for number, name in ours.items() if theirs.get(number, name) != name} == {}
    named = {call.name for call in SYSCALLS}
    assert {number: name for number, name in theirs.items() if name in named and number not in ours} == {}


@pytest.mark.parametrize(("machine", "audit", "file"), ABIS[::2])
def test_what_is_injected_at_the_gate(machine: str, audit: int, file: str) -> None:
    assert NUMBERS[machine] == {name: header(file)[name] for name in NUMBERS[machine]}


@pytest.mark.parametrize(("machine", "abis"), [("x86_64", {X86_64, I386}), ("aarch64", {AARCH64, ARM})])
def test_every_abi_of_a_machine_is_known(machine: str, abis: set[int]) -> None:
    assert {abi for abi, _ in numbers(machine)} == abis
    openat = next(row for row, call in enumerate(SYSCALLS) if call.name == "openat")
    assert {abi for (abi, _), row in numbers(machine).items() if row == openat} == abis


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_fits_the_kernels_limit(machine: str) -> None:
    assert 0 < len(filter_program(machine)) // 8 <= 4096  # BPF_MAXINSNS
