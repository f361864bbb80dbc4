"""The program of the attempts, run on this machine: it makes only calls that change nothing but a file of the test."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from docker_slim_plugin.engine.attempt_code import ASSEMBLIES, CODES
from docker_slim_plugin.engine.attempt_program import (
    MAX_CALLS,
    NUMBERS,
    Memory,
    Result,
    SystemCall,
    attempt_program,
    read_results,
)
from docker_slim_plugin.observe.tracer.call_names import CallNames
from tests.attempts import letters

MACHINES = pytest.mark.parametrize("machine", sorted(CODES))
NATIVE = os.uname().machine
FIONREAD = 0x541B
CWD = -100


def run(directory: Path, machine: str, calls: tuple[SystemCall, ...]) -> tuple[int, ...]:
    """Return the results; the calls are made by the kernel, or by qemu-user."""
    program = directory / "program"
    program.write_bytes(attempt_program(machine, calls))
    program.chmod(0o755)
    argv = [str(program)] if machine == NATIVE else [f"qemu-{machine}", str(program)]
    answer = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    assert len(answer.stdout) == 16 * len(calls)
    return read_results(answer.stdout, len(calls))


@MACHINES
def test_the_bytes_are_those_of_the_assembly(tmp_path: Path, machine: str) -> None:
    for name, *arguments in (("as", "-o", "code.o"), ("objcopy", "-O", "binary", "-j", ".text", "code.o", "code.bin")):
        subprocess.run([f"{machine}-linux-gnu-{name}", *arguments], input=ASSEMBLIES[machine], check=True, text=True, cwd=tmp_path)
    assert (tmp_path / "code.bin").read_bytes() == CODES[machine]


@MACHINES
def test_arguments_of_each_kind(tmp_path: Path, machine: str) -> None:
    here = os.fsencode(tmp_path / "file") + b"\0"
    calls: tuple[SystemCall, ...] = (
        ("openat", (CWD, b"/no/such/file\0", os.O_RDONLY, 0)),
        ("openat", (CWD, here, os.O_CREAT | os.O_RDWR, 0o600)),
        ("ioctl", (Result(1), FIONREAD, Memory(8))),
        ("ioctl", (Result(2), FIONREAD, 0)),
        ("write", (Result(3), b"text", 4)),
        # The result of a call that failed is an argument too.
        ("write", (Result(5), Memory(), 1)),
        ("chroot", (b"/dev/null\0",)),
        ("kill", (0, 0)),
    )
    found = run(tmp_path, machine, calls)
    assert found == (-errno.ENOENT, found[1], 0, -errno.EFAULT, 4, -errno.EBADF, -errno.ENOTDIR, 0)
    assert found[1] > 2
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "file").read_bytes() == b"text"


@MACHINES
@pytest.mark.parametrize("count", [0, MAX_CALLS])
def test_as_many_calls_as_there_is_space_for(tmp_path: Path, machine: str, count: int) -> None:
    found = run(tmp_path, machine, (("getpid", ()),) * count)
    assert len(found) == count
    assert len(set(found)) == min(count, 1)


def test_more_calls_than_that() -> None:
    with pytest.raises(ValueError, match=f"the most are {MAX_CALLS}"):
        attempt_program(NATIVE, (("getpid", ()),) * (MAX_CALLS + 1))


@pytest.mark.parametrize(("machine", "column", "arch"), [("x86_64", 0, 0xC000003E), ("aarch64", 1, 0xC00000B7)])
def test_numbers(machine: str, column: int, arch: int) -> None:
    names = CallNames(machine)
    found = {name: names.find(arch, numbers[column])[0] for name, numbers in NUMBERS.items()}
    assert found == {name: name for name in NUMBERS} | ({"pause": "ppoll"} if machine == "aarch64" else {})


def test_read_results() -> None:
    assert read_results(letters(0, -2, 1 << 40) + "\nsaid", 3) == (0, -2, 1 << 40)


@pytest.mark.parametrize("output", ["", "A" * 15, "exec format error: no such file"])
def test_no_results(output: str) -> None:
    with pytest.raises(ValueError, match="letters, not 16"):
        read_results(output, 1)
