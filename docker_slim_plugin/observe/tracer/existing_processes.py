"""Processes that started before the tracer: their threads, and the files that they have open already. See proc(5)."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from collections.abc import Iterator

from ptrace import PtraceError
from ptrace.binding import func as binding
from ptrace.binding.func import PTRACE_DETACH, ptrace

from docker_slim_plugin.model.observation import AccessKind
from docker_slim_plugin.observe.tracer.paths import DELETED
from docker_slim_plugin.observe.tracer.ptrace_stops import (
    FORK_EVENTS,
    PTRACE_INTERRUPT,
    PTRACE_SEIZE,
    SEIZE_OPTIONS,
    SYSCALL_STOP,
    event_message,
)

_POLL_SECONDS = 0.0002
_ERROR_NUMBER = re.compile(r" error #(\d{1,4}):")
_MAPPING = re.compile(rb"[0-9a-f]+-[0-9a-f]+ \S+ [0-9a-f]+ \S+ ([0-9]+) +(/.*)")
"""A line of /proc/PID/maps: addresses, permissions, offset, device, inode, path."""


def seize(tid: int) -> None:
    """Seize and interrupt a running thread, so that it stops soon; PtraceError when it may not be traced."""
    ptrace(PTRACE_SEIZE, tid, 0, SEIZE_OPTIONS)
    interrupt(tid)


def interrupt(tid: int) -> None:
    """Send PTRACE_INTERRUPT to a traced thread, if it still exists."""
    with contextlib.suppress(PtraceError):
        ptrace(PTRACE_INTERRUPT, tid)


def thread_ids(pid: int) -> list[int]:
    """Return the thread ids of `pid`; empty when it has ended."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def is_traced_or_ended(tid: int) -> bool:
    """Tell whether PTRACE_SEIZE failed because this process traces `tid` already, or `tid` has ended.

    PTRACE_SEIZE of a zombie fails with EPERM.
    """
    try:
        with open(f"/proc/{tid}/status", encoding="utf-8", errors="replace", newline="\n") as file:
            lines = dict(line.split(":", 1) for line in file)
        return lines["State"].split()[0] in "ZX" or int(lines["TracerPid"]) == os.getpid()
    except OSError:
        return True


def existing_files(pid: int) -> Iterator[tuple[AccessKind, bytes]]:
    """Yield the files that `pid` uses, by their kernel names: its executable, cwd, mapped files and open files."""
    with contextlib.suppress(OSError):
        yield AccessKind.EXEC, _readlink(f"/proc/{pid}/exe")
    with contextlib.suppress(OSError):
        yield AccessKind.CHDIR, _readlink(f"/proc/{pid}/cwd")
    with contextlib.suppress(OSError), open(f"/proc/{pid}/maps", "rb") as file:
        for path in sorted({match[2] for line in file if (match := _MAPPING.match(line)) and match[1] != b"0"}):
            # proc_pid_maps(5): only a newline is written as an octal escape.
            yield AccessKind.OPEN, path.replace(rb"\012", b"\n").removesuffix(DELETED)
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                path = _readlink(f"/proc/{pid}/fd/{name}")
                if path.startswith(b"/"):
                    yield AccessKind.OPEN, path


def _readlink(name: str) -> bytes:
    return os.readlink(os.fsencode(name)).removesuffix(DELETED)


def detach_all(tids: set[int], seconds: float) -> None:
    """Detach from all of `tids`: a stopped thread stays stopped, and pending signals are delivered.

    A thread that does not stop within `seconds` (in vfork(2), for example) is detached by the kernel when the tracer
    exits.
    """
    for tid in tids:
        interrupt(tid)
    deadline = time.monotonic() + seconds
    while tids and time.monotonic() < deadline:
        try:
            tid, status = os.waitpid(-1, os.WNOHANG | binding.THREAD_TRACE_FLAGS)
        except ChildProcessError:
            break
        if not tid:
            time.sleep(_POLL_SECONDS)
        elif os.WIFSTOPPED(status):
            with contextlib.suppress(PtraceError):
                if status >> 16 in FORK_EVENTS:
                    tids.add(event_message(tid))
                # A stop that is neither an event nor a system call is a signal-delivery-stop: pass the signal on.
                ptrace(PTRACE_DETACH, tid, 0, os.WSTOPSIG(status) if status >> 8 < SYSCALL_STOP else 0)
        tids.discard(tid)


def has_ended(error: PtraceError) -> bool:
    """Tell whether a ptrace request failed because the thread has ended, or is not in a stop."""
    return error_number(error) == errno.ESRCH


def error_number(error: PtraceError | OSError) -> int:
    """Return the errno of a failed request, 0 if it is not known.

    With python-ptrace's C module, which Debian's package has, the number is only in the text.
    """
    found = _ERROR_NUMBER.search(str(error))
    return int(error.errno or (found and found[1]) or 0)
