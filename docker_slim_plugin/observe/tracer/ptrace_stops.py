"""Stops and requests of ptrace(2) by their kernel names, where python-ptrace's binding lacks them."""

from __future__ import annotations

import signal
import struct
from ctypes import addressof, c_ulong, create_string_buffer

from ptrace.binding import func as binding
from ptrace.binding.func import ptrace

# The following constants are taken from linux/ptrace.h.
PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
PTRACE_LISTEN = 0x4208
PTRACE_GET_SYSCALL_INFO = 0x420E
PTRACE_SYSCALL_INFO_EXIT = 2
PTRACE_EVENT_SECCOMP, PTRACE_EVENT_STOP = 7, 128
PTRACE_O_TRACESECCOMP, PTRACE_O_EXITKILL = 0x80, 0x100000
SEIZE_OPTIONS = (
    binding.PTRACE_O_TRACESYSGOOD
    | binding.PTRACE_O_TRACEFORK
    | binding.PTRACE_O_TRACEVFORK
    | binding.PTRACE_O_TRACECLONE
    | binding.PTRACE_O_TRACEEXEC
)
"""For processes that the tracer did not start: they have no filter of ours, and outlive the tracer."""
GATE_OPTIONS = SEIZE_OPTIONS | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL
FORK_EVENTS = frozenset({binding.PTRACE_EVENT_FORK, binding.PTRACE_EVENT_VFORK, binding.PTRACE_EVENT_CLONE})
SYSCALL_STOP = signal.SIGTRAP | 0x80
GROUP_STOP_SIGNALS = frozenset({signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})

_INFO = struct.Struct("<BxxxIQQQ6QI")
_buffer = create_string_buffer(_INFO.size + 8)
_address = addressof(_buffer)
_message = c_ulong()
_message_at = addressof(_message)


def syscall_info(pid: int) -> tuple[int, ...]:
    """Return struct ptrace_syscall_info of a stopped tracee: (op, arch, ip, sp, nr, six arguments, ret_data)."""
    ptrace(PTRACE_GET_SYSCALL_INFO, pid, _INFO.size, _address)
    return _INFO.unpack_from(_buffer)


def event_message(pid: int) -> int:
    """Return the event message: a fork's child, or an exec's former thread id. See PTRACE_GETEVENTMSG in ptrace(2)."""
    ptrace(binding.PTRACE_GETEVENTMSG, pid, 0, _message_at)
    return _message.value


OP, ARCH, NR, ARGUMENTS = 0, 1, 4, 5
"""Indexes into the result of `syscall_info`."""
