"""The gate of each architecture: its bytes match its assembly, and it waits until it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from docker_slim_plugin.engine.gate import GATE_NAME, GATES, find_gate

pytestmark = pytest.mark.integration
MACHINES = pytest.mark.parametrize("machine", sorted(GATES))
CALLS = {"x86_64": ("pause(",), "aarch64": ("ppoll(0,0,0,0,0,", "ppoll((nil),0,(nil),(nil))")}
"""As `qemu -strace` of Debian 12 and 13 shows them."""


@MACHINES
def test_the_bytes_are_those_of_the_assembly(tmp_path: Path, machine: str) -> None:
    def tool(name: str, *arguments: str, text: str = "") -> str:
        command = [f"{machine}-linux-gnu-{name}", *arguments]
        return subprocess.run(command, input=text, check=True, stdout=subprocess.PIPE, text=True, cwd=tmp_path).stdout

    tool("as", "-o", "gate.o", text=GATES[machine].assembly)
    tool("objcopy", "-O", "binary", "-j", ".text", "gate.o", "gate.bin")
    assert (tmp_path / "gate.bin").read_bytes() == GATES[machine].code
    labels = {name: int(at, 16) for at, _, name in (line.split() for line in tool("nm", "gate.o").splitlines())}
    assert labels == {"_start": 0, "call": GATES[machine].syscall_offset}


@MACHINES
def test_it_waits_in_its_call_until_it_is_killed(tmp_path: Path, machine: str) -> None:
    gate = tmp_path / GATE_NAME
    gate.write_bytes(GATES[machine].elf())
    gate.chmod(0o755)
    emulator = ["qemu-" + machine, "-strace"]
    with subprocess.Popen([*emulator, gate, "argument"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        seen = ""
        while not any(call in seen.replace("NULL", "0") for call in CALLS[machine]):
            seen += os.read(process.stderr.fileno(), 4096).decode()
        for number in (signal.SIGWINCH, signal.SIGSTOP, signal.SIGCONT):
            process.send_signal(number)
            time.sleep(0.1)
        assert process.poll() is None
        process.terminate()
        seen += process.communicate(timeout=10)[1]
    assert process.returncode == -signal.SIGTERM


def test_this_machines_own_is_found_and_waits(tmp_path: Path) -> None:
    gate = tmp_path / GATE_NAME
    gate.write_bytes(GATES[os.uname().machine].elf())
    gate.chmod(0o755)
    with subprocess.Popen([gate]) as process:
        assert find_gate(process.pid, time.monotonic() + 5) == process.pid
        for number in (signal.SIGWINCH, signal.SIGSTOP, signal.SIGCONT):
            process.send_signal(number)
        assert Path(f"/proc/{process.pid}/syscall").read_text().split()[0] in ("34", "73", "running")
        process.kill()
        assert process.wait(5) == -signal.SIGKILL
