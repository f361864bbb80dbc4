"""The program of the attempts, run on this machine: it makes only calls that change nothing."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from docker_slim_plugin.engine.attempt_program import (
    _NUMBERS,
    MACHINES,
    RESULT,
    SCRATCH,
    Step,
    attempt_program,
    read_results,
)
from docker_slim_plugin.observe.tracer.call_names import CallNames

ATTEMPTS = (
    (Step("getpid"),),
    (Step("openat", (-100, b"/absent/file\0", os.O_RDONLY, 0)),),
    (Step("openat", (-100, b"/dev/null\0", os.O_WRONLY, 0)), Step("write", (RESULT, b"text", 4))),
    # The first call fails, and the second is not made.
    (Step("openat", (-100, b"/dev/null/x\0", os.O_WRONLY, 0)), Step("exit_group", (99,))),
    (Step("write", (999, SCRATCH, 1)),),
    (Step("chroot", (b"/dev/null\0",)),),
    (Step("openat", (-100, b"/dev/null\0", os.O_RDONLY, 0)), Step("write", (RESULT, b"text", 4))),
)
EXPECTED = (0, errno.ENOENT, 0, errno.ENOTDIR, errno.EBADF, errno.ENOTDIR, errno.EBADF)


def run(directory: Path, machine: str, *before: str) -> tuple[int, ...]:
    program = directory / "program"
    program.write_bytes(attempt_program(machine, ATTEMPTS))
    program.chmod(0o755)
    answer = subprocess.run([*before, str(program)], stdout=subprocess.PIPE, text=True, check=True)
    return read_results(answer.stdout)


def test_results(tmp_path: Path) -> None:
    assert run(tmp_path, os.uname().machine) == EXPECTED


def test_aarch64(tmp_path: Path) -> None:
    assert run(tmp_path, "aarch64", "qemu-aarch64") == EXPECTED


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_numbers(machine: str) -> None:
    names = CallNames(machine)
    arch = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine]
    column = MACHINES[machine].column
    assert {names.find(arch, numbers[column])[0] for numbers in _NUMBERS.values()} == set(_NUMBERS)


def test_no_attempts(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(attempt_program(os.uname().machine, ()))
    program.chmod(0o755)
    assert subprocess.run([program], stdout=subprocess.PIPE, check=True).stdout == b""


@pytest.mark.parametrize(("output", "expected"), [("AACA\n", (0, 32)), ("", ()), ("A", ()), ("AZ", ()), ("exec format error", ())])
def test_read_results(output: str, expected: tuple[int, ...]) -> None:
    assert read_results(output) == expected
