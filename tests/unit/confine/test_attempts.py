"""What a confined process must not do: the calls are made, and their results are read."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
from pathlib import Path

import pytest

from docker_slim_plugin.confine.attempts import ASSEMBLIES, CODES, Memory, Result, Text, program, results, steps
from docker_slim_plugin.confine.rules import Rules

MACHINES = pytest.mark.parametrize("machine", sorted(CODES))
NATIVE = os.uname().machine


@MACHINES
def test_the_bytes_are_those_of_the_assembly(tmp_path: Path, machine: str) -> None:
    for name, *arguments in (("as", "-o", "code.o"), ("objcopy", "-O", "binary", "-j", ".text", "code.o", "code.bin")):
        subprocess.run([f"{machine}-linux-gnu-{name}", *arguments], input=ASSEMBLIES[machine], check=True, text=True, cwd=tmp_path)
    assert (tmp_path / "code.bin").read_bytes() == CODES[machine]


@MACHINES
def test_arguments_of_each_kind(tmp_path: Path, machine: str) -> None:
    """The calls are made by the kernel, or by qemu-user."""
    missing, here = Text(b"/no/such/file\0"), Text(os.fsencode(tmp_path / "file") + b"\0")
    cwd = (1 << 64) - 100
    calls = (
        ("openat", (cwd, missing, os.O_RDONLY, 0)),
        ("openat", (cwd, here, os.O_CREAT | os.O_RDWR, 0o600)),
        ("ioctl", (Result(1), 0x541B, Memory(8))),
        ("ioctl", (Result(2), 0x541B, 0)),
        ("kill", (0, 0)),
    )
    file = tmp_path / "program"
    file.write_bytes(program(machine, calls))
    file.chmod(0o755)
    argv = [str(file)] if machine == NATIVE else [f"qemu-{machine}", str(file)]
    answer = subprocess.run(argv, check=True, stdout=subprocess.PIPE, timeout=20)
    found = struct.unpack("<5q", answer.stdout)
    assert found == (-errno.ENOENT, found[1], 0, -errno.EFAULT, 0)
    assert found[1] > 2
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def written(rules: Rules, abi: int, values: dict[str, int]) -> bytes:
    """Return what the program writes if its last call of each step has the result in `values`, 0 by default."""
    numbers = [abi]
    for step in steps(rules):
        numbers += [3] * (len(step.calls) - 1) + [values.get(step.name, 0)]
    return struct.pack(f"<{len(numbers)}q", *numbers)


def test_results() -> None:
    rules = Rules(bind=(61001,), write=("/etc",), udp=True, sysv_ipc=True, devices=("/dev/urandom",))
    control = written(rules, 5, {"raw socket": -errno.EPERM, "make a file in /": -errno.EROFS, "mq_open": -errno.ENOSYS})
    refused = {step.name: -errno.EACCES for step in steps(rules)} | {"MPTCP socket": 3, "mq_open": 3}
    found = {one.name: one for one in results(rules, control, written(rules, 5, refused) + b"said")}
    assert [name for name, one in found.items() if one.has_failed] == ["MPTCP socket"]
    assert [name for name, one in found.items() if not one.is_tried] == ["raw socket", "mq_open"]
    assert [name for name, one in found.items() if not one.is_enforceable] == [
        "abstract socket of a process outside",
        "signal to a process outside",
    ]
    # The first place where a file can be made at all, and that is none of those that the app writes.
    assert [name for name in found if name.startswith("make")] == ["make a file in /var"]
    assert {"bind TCP port 61002", "connect to TCP port 61001"} <= set(found)
    assert not {"UDP socket", "shmget", "ioctl on /dev/urandom"} & set(found)


def test_a_kernel_without_landlock() -> None:
    rules = Rules()
    refused = {step.name: -errno.EACCES for step in steps(rules) if not step.abi}
    found = results(rules, written(rules, -errno.ENOSYS, {}), written(rules, -errno.ENOSYS, refused))
    assert {one.is_enforceable: {two.by for two in found if two.is_enforceable is one.is_enforceable} for one in found} == {
        True: {"seccomp"},
        False: {"Landlock"},
    }
    assert not any(one.has_failed for one in found)


def test_a_program_that_was_ended_is_no_result() -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        results(Rules(), bytes(8), b"")
