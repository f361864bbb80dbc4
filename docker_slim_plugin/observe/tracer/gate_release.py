"""Releasing a process from the gate: it is made to install the seccomp filter and to execve(2) its real program."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable
from typing import Any

from ptrace.binding.func import PTRACE_CONT, PTRACE_EVENT_EXEC, PTRACE_SYSCALL, ptrace, ptrace_getregs, ptrace_setregs

from docker_slim_plugin.engine.gate import GATES
from docker_slim_plugin.observe.tracer.memory import peek, poke, read_string
from docker_slim_plugin.observe.tracer.ptrace_stops import (
    GATE_OPTIONS,
    OP,
    PTRACE_EVENT_SECCOMP,
    PTRACE_EVENT_STOP,
    PTRACE_INTERRUPT,
    PTRACE_SEIZE,
    PTRACE_SYSCALL_INFO_EXIT,
    SYSCALL_STOP,
    syscall_info,
)

# Constants of linux/prctl.h and linux/seccomp.h, and system call numbers of the gate's ABI.
PR_SET_NO_NEW_PRIVS, SECCOMP_SET_MODE_FILTER = 38, 1
NUMBERS = {
    "x86_64": {"prctl": 157, "seccomp": 317, "execve": 59},
    "aarch64": {"prctl": 167, "seccomp": 277, "execve": 221},
}
DEFAULT_PATH = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Offsets far enough below the stack pointer not to overwrite argv, and within the 128 KiB that execve(2) maps.
_PROGRAM_BELOW, _SCRATCH_BELOW = 0x8000, 0x4000


class AttachError(Exception):
    """A process could not be attached to, or could not be made to execute its program."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number


def release(
    pid: int, program: bytes, on_syscall_enter: Callable[[int], object], wait_for_stop: Callable[[int], int]
) -> None:
    """Seize the process in the gate, install the BPF `program` (if any) and make it execve(2); it stays in that stop.

    `on_syscall_enter` is called with the pid in the syscall-enter-stop of that execve(2). `wait_for_stop` returns the
    next wait status of a pid. Raises AttachError.
    """
    machine = os.uname().machine
    gate, calls = GATES[machine], NUMBERS[machine]
    ptrace(PTRACE_SEIZE, pid, 0, GATE_OPTIONS)
    interrupt(pid, wait_for_stop)
    registers = ptrace_getregs(pid)
    if not gate.contains(_instruction_pointer(registers)):
        raise AttachError(errno.EBUSY, "the process is not at the gate")
    stack = _stack_pointer(registers)

    def call(name: str, *arguments: int) -> int:
        enter_event = PTRACE_EVENT_SECCOMP if program else 0
        on_enter = (lambda event: on_syscall_enter(pid) if event == enter_event else None) if name == "execve" else None
        _prepare_syscall(pid, gate.syscall_address, calls[name], arguments)
        return _run_syscall(pid, on_enter, wait_for_stop)

    if program:
        _install_filter(pid, stack, program, call)
    _execute(pid, stack, call)


def interrupt(pid: int, wait_for_stop: Callable[[int], int]) -> None:
    """Stop a seized process outside any system call.

    The process may still be in the execve(2) of the gate. At PTRACE_EVENT_EXEC its registers are those of the gate, but
    the return from that system call overwrites them. Any stop consumes a pending interrupt, so it is requested again.
    """
    while True:
        ptrace(PTRACE_INTERRUPT, pid)
        status = _check_stopped(wait_for_stop(pid))
        event = status >> 16
        if event == PTRACE_EVENT_STOP:
            return
        ptrace(PTRACE_CONT, pid, 0, 0 if event else os.WSTOPSIG(status))


def _install_filter(pid: int, stack: int, program: bytes, call: Callable[..., int]) -> None:
    at = (stack - _PROGRAM_BELOW) & ~0xF
    poke(pid, at, program)
    poke(pid, at - 0x40, struct.pack("<HxxxxxxQ", len(program) // 8, at))
    for name, arguments in (
        ("prctl", (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)),
        ("seccomp", (SECCOMP_SET_MODE_FILTER, 0, at - 0x40)),
    ):
        result = call(name, *arguments)
        if result:
            raise AttachError(-result, f"{name}: {os.strerror(-result)}")


def _execute(pid: int, stack: int, call: Callable[..., int]) -> None:
    """Make `pid` execve(2) the argv that follows the gate's own argv[0]; search its PATH as runc does (execvp(3))."""
    (argc,) = struct.unpack("<Q", peek(pid, stack, 8))
    argv, envp = stack + 16, stack + 8 + (argc + 1) * 8
    (name_at,) = struct.unpack("<Q", peek(pid, argv, 8))
    name = read_string(pid, name_at) if argc > 1 else b""
    if not name:
        raise AttachError(errno.ENOENT, "no command")
    scratch = (stack - _SCRATCH_BELOW) & ~0xF
    failure = errno.ENOENT
    for candidate in candidates(name, search_path(pid)):
        poke(pid, scratch, candidate + b"\0")
        result = call("execve", scratch, argv, envp)
        if result == 0:
            return
        if -result not in (errno.ENOENT, errno.ENOTDIR) and failure == errno.ENOENT:
            failure = -result
    raise AttachError(failure, f"{os.fsdecode(name)}: {os.strerror(failure)}")


def search_path(pid: int) -> bytes:
    """Return PATH from the initial environment of the process."""
    with open(f"/proc/{pid}/environ", "rb") as file:
        for item in file.read().split(b"\0"):
            if item.startswith(b"PATH="):
                return item.removeprefix(b"PATH=")
    return DEFAULT_PATH


def candidates(name: bytes, path: bytes) -> list[bytes]:
    """Return the paths that execvp(3) tries, in order."""
    if b"/" in name:
        return [name]
    return [(directory or b".") + b"/" + name for directory in path.split(b":")]


def _run_syscall(pid: int, on_enter: Callable[[int], object] | None, wait_for_stop: Callable[[int], int]) -> int:
    """Resume the stopped `pid` for the prepared system call; return its result, -errno on failure.

    `on_enter` is called at each stop before the call: with PTRACE_EVENT_SECCOMP, or with 0 for the syscall-enter-stop.
    """
    while True:
        ptrace(PTRACE_SYSCALL, pid, 0, 0)
        status = _check_stopped(wait_for_stop(pid))
        if status >> 16 == PTRACE_EVENT_EXEC:
            return 0
        if status >> 16 == PTRACE_EVENT_SECCOMP or os.WSTOPSIG(status) == SYSCALL_STOP:
            if syscall_info(pid)[OP] == PTRACE_SYSCALL_INFO_EXIT:
                return _result(ptrace_getregs(pid))
            if on_enter:
                on_enter(status >> 16)


def _check_stopped(status: int) -> int:
    if not os.WIFSTOPPED(status):
        raise AttachError(errno.ESRCH, "the process ended at the gate")
    return status


def _instruction_pointer(registers: Any) -> int:
    return int(registers.pc if hasattr(registers, "pc") else registers.rip)


def _stack_pointer(registers: Any) -> int:
    return int(registers.sp if hasattr(registers, "sp") else registers.rsp)


def _result(registers: Any) -> int:
    value = int(registers.r0 if hasattr(registers, "r0") else registers.rax)
    return value - (1 << 64) if value >> 63 else value


def _prepare_syscall(pid: int, address: int, number: int, arguments: tuple[int, ...]) -> None:
    """Set the registers for a system call at `address` (syscall(2)), and cancel the restart of the interrupted one."""
    registers = ptrace_getregs(pid)
    _set_syscall_registers(registers, address, number, arguments)
    ptrace_setregs(pid, registers)


def _set_syscall_registers(registers: Any, address: int, number: int, arguments: tuple[int, ...]) -> None:
    values = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    if hasattr(registers, "pc"):
        # arch/arm64/kernel/signal.c, do_signal(): before this stop the kernel has moved pc back to the call, restored
        # x0 and cleared the call number. Afterwards it only turns -ERESTART_RESTARTBLOCK into restart_syscall(2), which
        # a ppoll(2) without a timeout never returns. So orig_x0 (which ptrace does not show) and NT_ARM_SYSTEM_CALL
        # (which changes a call in its syscall-enter-stop) need not be set. In those stops x7 belongs to the kernel; it
        # is no argument here.
        registers.pc = address
        # Set the arguments first: on aarch64 r8 is the system call number, not an argument.
        for index, value in enumerate(values):
            setattr(registers, f"r{index}", value)
        registers.r8 = number
        return
    registers.rip, registers.rax = address, number
    # Otherwise the kernel sees an interrupted pause(2) and moves the instruction pointer back:
    # arch_do_signal_or_restart().
    registers.orig_rax = (1 << 64) - 1
    names = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
    for name, value in zip(names, values, strict=True):
        setattr(registers, name, value)
