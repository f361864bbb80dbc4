"""Processes that ran before we came: their threads, and the files that they hold already. See proc(5)."""

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
    FORKS,
    OUTSIDE_OPTIONS,
    PTRACE_INTERRUPT,
    PTRACE_SEIZE,
    SYSCALL_STOP,
    event_message,
)

_NAP_SECONDS = 0.0002
_MAPPING = re.compile(rb"[0-9a-f]+-[0-9a-f]+ \S+ [0-9a-f]+ \S+ ([0-9]+) +(/.*)")
"""A line of /proc/PID/maps: addresses, permissions, offset, device, inode, path."""


def seize(tid: int) -> None:
    """Begin to follow a thread that runs; its first stop comes soon. PtraceError when it may not be."""
    ptrace(PTRACE_SEIZE, tid, 0, OUTSIDE_OPTIONS)
    interrupt(tid)


def interrupt(tid: int) -> None:
    """Have a thread that is followed stop soon, if it still lives."""
    with contextlib.suppress(PtraceError):
        ptrace(PTRACE_INTERRUPT, tid)


def threads(pid: int) -> list[int]:
    """Return the threads of `pid`; none when it has ended."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def needs_no_seizing(tid: int) -> bool:
    """Tell whether PTRACE_SEIZE failed because `tid` is ours already, or has ended (a zombie gives EPERM)."""
    try:
        with open(f"/proc/{tid}/status", encoding="utf-8", errors="replace", newline="\n") as file:
            lines = dict(line.split(":", 1) for line in file)
        return lines["State"].split()[0] in "ZX" or int(lines["TracerPid"]) == os.getpid()
    except OSError:
        return True


def holdings(pid: int) -> Iterator[tuple[AccessKind, bytes]]:
    """Yield the files that `pid` has: its program, what it has mapped, open or stands in, as the kernel names them."""
    with contextlib.suppress(OSError):
        yield AccessKind.EXEC, _link(f"/proc/{pid}/exe")
    with contextlib.suppress(OSError):
        yield AccessKind.CHDIR, _link(f"/proc/{pid}/cwd")
    with contextlib.suppress(OSError), open(f"/proc/{pid}/maps", "rb") as file:
        for path in sorted({match[2] for line in file if (match := _MAPPING.match(line)) and match[1] != b"0"}):
            # proc_pid_maps(5): a newline is written as an octal escape, and nothing else is.
            yield AccessKind.OPEN, path.replace(rb"\012", b"\n").removesuffix(DELETED)
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                path = _link(f"/proc/{pid}/fd/{name}")
                if path.startswith(b"/"):
                    yield AccessKind.OPEN, path


def _link(name: str) -> bytes:
    return os.readlink(os.fsencode(name)).removesuffix(DELETED)


def let_go(tids: set[int], seconds: float) -> None:
    """Detach from all of `tids` as if they had never been followed: who is stopped stays so, no signal is lost.

    Whoever does not stop in time (in vfork(2), say) is let go by the kernel when we end.
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
            time.sleep(_NAP_SECONDS)
        elif os.WIFSTOPPED(status):
            with contextlib.suppress(PtraceError):
                if status >> 16 in FORKS:
                    tids.add(event_message(tid))
                # What is no event and no system call is a signal on its way.
                ptrace(PTRACE_DETACH, tid, 0, os.WSTOPSIG(status) if status >> 8 < SYSCALL_STOP else 0)
        tids.discard(tid)


def has_ended(error: PtraceError) -> bool:
    """Tell whether a request failed because the thread is no more, or not stopped (any more)."""
    return bool(error.errno == errno.ESRCH)
