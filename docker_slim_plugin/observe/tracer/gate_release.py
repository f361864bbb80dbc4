"""Letting a process through the gate: it is made to install the filter and to execve what it was meant to run."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable
from typing import Any

from ptrace.binding.func import PTRACE_CONT, PTRACE_EVENT_EXEC, PTRACE_SYSCALL, ptrace, ptrace_getregs, ptrace_setregs

from docker_slim_plugin.engine.gate import GATES
from docker_slim_plugin.observe.tracer.memory import peek, poke, string
from docker_slim_plugin.observe.tracer.ptrace_stops import (
    OP,
    OPTIONS,
    PTRACE_EVENT_SECCOMP,
    PTRACE_EVENT_STOP,
    PTRACE_INTERRUPT,
    PTRACE_SEIZE,
    PTRACE_SYSCALL_INFO_EXIT,
    SYSCALL_STOP,
    syscall_info,
)

# linux/prctl.h, linux/seccomp.h; system call numbers of the gate's own ABI
PR_SET_NO_NEW_PRIVS, SECCOMP_SET_MODE_FILTER = 38, 1
NUMBERS = {
    "x86_64": {"prctl": 157, "seccomp": 317, "execve": 59},
    "aarch64": {"prctl": 167, "seccomp": 277, "execve": 221},
}
DEFAULT_PATH = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Far enough below the stack pointer not to touch argv, and within the 128 KiB that execve(2) maps.
_PROGRAM_BELOW, _SCRATCH_BELOW = 0x8000, 0x4000


class Refused(Exception):
    """The process at the gate could not be made to run its program."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number


def release(pid: int, program: bytes, entered: Callable[[int], object], await_stop: Callable[[int], int]) -> None:
    """Seize the process in the gate, install the BPF `program` (if any), and make it execve; it is left stopped there.

    `entered` is called where the execve is about to be made, as in any other stop; `await_stop` is to wait for a wait
    status of `pid`. Raises Refused.
    """
    machine = os.uname().machine
    gate, calls = GATES[machine], NUMBERS[machine]
    ptrace(PTRACE_SEIZE, pid, 0, OPTIONS)
    interrupt(pid, await_stop)
    registers = ptrace_getregs(pid)
    if not gate.holds(_instruction_pointer(registers)):
        raise Refused(errno.EBUSY, "the process is not at the gate")
    stack = _stack_pointer(registers)

    def call(name: str, *arguments: int) -> int:
        tell_at = PTRACE_EVENT_SECCOMP if program else 0
        before_exec = (lambda event: entered(pid) if event == tell_at else None) if name == "execve" else None
        _prepare(pid, gate.syscall_address, calls[name], arguments)
        return _result_of(pid, before_exec, await_stop)

    if program:
        _install_filter(pid, stack, program, call)
    _execute(pid, stack, call)


def interrupt(pid: int, await_stop: Callable[[int], int]) -> None:
    """Stop a seized process outside of any system call.

    It may still be in the execve(2) of the gate: at PTRACE_EVENT_EXEC its registers are the gate's, but the return from
    that call is yet to overwrite them. Any stop takes a pending interrupt away, so it is asked for again.
    """
    while True:
        ptrace(PTRACE_INTERRUPT, pid)
        status = _stopped(await_stop(pid))
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
            raise Refused(-result, f"{name}: {os.strerror(-result)}")


def _execute(pid: int, stack: int, call: Callable[..., int]) -> None:
    """Make `pid` execve the argv behind the gate's own, looked up in its PATH as runc would (execvp(3))."""
    (argc,) = struct.unpack("<Q", peek(pid, stack, 8))
    argv, envp = stack + 16, stack + 8 + (argc + 1) * 8
    (name_at,) = struct.unpack("<Q", peek(pid, argv, 8))
    name = string(pid, name_at) if argc > 1 else b""
    if not name:
        raise Refused(errno.ENOENT, "no command")
    scratch = (stack - _SCRATCH_BELOW) & ~0xF
    failure = errno.ENOENT
    for candidate in candidates(name, search_path(pid)):
        poke(pid, scratch, candidate + b"\0")
        result = call("execve", scratch, argv, envp)
        if result == 0:
            return
        if -result not in (errno.ENOENT, errno.ENOTDIR) and failure == errno.ENOENT:
            failure = -result
    raise Refused(failure, f"{os.fsdecode(name)}: {os.strerror(failure)}")


def search_path(pid: int) -> bytes:
    """Return the PATH of the process's first environment."""
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


def _result_of(pid: int, entering: Callable[[int], object] | None, await_stop: Callable[[int], int]) -> int:
    """Let the stopped `pid` do the system call that it was prepared for; return its result, -errno on failure.

    `entering` is told of each stop on the way in: PTRACE_EVENT_SECCOMP, or 0 for the syscall-enter-stop.
    """
    while True:
        ptrace(PTRACE_SYSCALL, pid, 0, 0)
        status = _stopped(await_stop(pid))
        if status >> 16 == PTRACE_EVENT_EXEC:
            return 0
        if status >> 16 == PTRACE_EVENT_SECCOMP or os.WSTOPSIG(status) == SYSCALL_STOP:
            if syscall_info(pid)[OP] == PTRACE_SYSCALL_INFO_EXIT:
                return _result(ptrace_getregs(pid))
            if entering:
                entering(status >> 16)


def _stopped(status: int) -> int:
    if not os.WIFSTOPPED(status):
        raise Refused(errno.ESRCH, "the process ended at the gate")
    return status


def _instruction_pointer(registers: Any) -> int:
    return int(registers.pc if hasattr(registers, "pc") else registers.rip)


def _stack_pointer(registers: Any) -> int:
    return int(registers.sp if hasattr(registers, "sp") else registers.rsp)


def _result(registers: Any) -> int:
    value = int(registers.r0 if hasattr(registers, "r0") else registers.rax)
    return value - (1 << 64) if value >> 63 else value


def _prepare(pid: int, address: int, number: int, arguments: tuple[int, ...]) -> None:
    """Set the registers for a system call at `address` (syscall(2)), and cancel the restart of the interrupted one."""
    registers = ptrace_getregs(pid)
    _fill(registers, address, number, arguments)
    ptrace_setregs(pid, registers)


def _fill(registers: Any, address: int, number: int, arguments: tuple[int, ...]) -> None:
    values = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    if hasattr(registers, "pc"):
        # arch/arm64/kernel/signal.c, do_signal(): before this stop it has stepped pc back to the call, put x0 back and
        # forgotten the call; afterwards it only turns -ERESTART_RESTARTBLOCK into restart_syscall(2), which a ppoll(2)
        # without a time never returns. So no orig_x0 is to be set (ptrace shows none), and no NT_ARM_SYSTEM_CALL,
        # which changes a call in its entry stop. x7 is the kernel's own in those stops, and no argument of ours.
        registers.pc = address
        # Arguments first: r8 of aarch64 is the number, not an argument.
        for index, value in enumerate(values):
            setattr(registers, f"r{index}", value)
        registers.r8 = number
        return
    registers.rip, registers.rax = address, number
    # Else the kernel sees an interrupted pause(2) and steps back to it: arch_do_signal_or_restart().
    registers.orig_rax = (1 << 64) - 1
    names = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
    for name, value in zip(names, values, strict=True):
        setattr(registers, name, value)
