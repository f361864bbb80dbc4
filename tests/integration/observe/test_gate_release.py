"""The release of a process from the gate."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from ptrace.binding.func import ptrace

from docker_slim_plugin.engine.gate import GATES, write_gate
from docker_slim_plugin.observe.tracer.gate_release import _prepare_syscall, _run_syscall, interrupt
from docker_slim_plugin.observe.tracer.ptrace_stops import GATE_OPTIONS, PTRACE_SEIZE

pytestmark = pytest.mark.integration

GETPID = {"x86_64": 39, "aarch64": 172}


def stop(pid: int) -> int:
    return os.waitpid(pid, 0)[1]


def test_a_process_that_is_still_in_the_execve_of_the_gate(tmp_path: Path) -> None:
    machine = os.uname().machine
    write_gate(tmp_path / "gate")
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(ours, 1)
        os.execv(tmp_path / "gate", ["gate"])
    try:
        ptrace(PTRACE_SEIZE, pid, 0, GATE_OPTIONS)
        os.write(theirs, b"x")
        # It stops at PTRACE_EVENT_EXEC; to the eye of ptrace its registers are the gate's already.
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
        interrupt(pid, stop)
        _prepare_syscall(pid, GATES[machine].syscall_address, GETPID[machine], ())
        assert _run_syscall(pid, None, stop) == pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(ours)
        os.close(theirs)
