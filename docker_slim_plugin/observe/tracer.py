"""The tracer: a process of its own that follows tracees by ptrace(2) and says which paths they name.

    python -m docker_slim_plugin.observe.tracer

It reads commands from standard input, a JSON array a line, each followed by SIGUSR1 (the loop sleeps in
sigtimedwait(2)), and writes messages to standard output, a JSON array a line:

    ["attach", pid]                      follow the process that waits in the gate `pid`, and let it go
    ["released", pid] | ["refused", pid, errno, text]
    ["process", number, pid, argv0]      a process (after each exec a new number); pid is the host's
    ["access", number, row, path, root]  row of syscalls.SYSCALLS; root is "/" unless the process has been chrooted
    ["rights", number, path]             an exec that no_new_privs kept from gaining rights
    ["ptrace", number]                   the app traces processes itself
    ["ended", pid, status]               a process that was attached to has ended; wait status as of waitpid(2)
    ["counts", events, lost, stops]      now and then, and before it goes to sleep

Only this process is ptrace's: ptrace binds to a thread, waitpid(-1) would steal others' children, and python-ptrace's
licence (GPL-2.0) stays on this side of a pipe. It ends when standard input closes, and PTRACE_O_EXITKILL takes the
tracees with it: nothing ever runs on untraced and unnoticed.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import signal
import stat
import sys
from dataclasses import dataclass
from typing import Any

from ptrace import PtraceError
from ptrace.binding import func as binding
from ptrace.binding.func import PTRACE_CONT, PTRACE_EVENT_EXEC, PTRACE_SYSCALL, ptrace

from docker_slim_plugin.model import AccessKind
from docker_slim_plugin.observe.memory import peek, string
from docker_slim_plugin.observe.release import Refused, release
from docker_slim_plugin.observe.stops import (
    ARCH,
    ARGUMENTS,
    FORKS,
    GROUP_STOPS,
    NR,
    OP,
    PTRACE_EVENT_SECCOMP,
    PTRACE_EVENT_STOP,
    PTRACE_LISTEN,
    PTRACE_SEIZE,
    PTRACE_SYSCALL_INFO_ENTRY,
    RET_DATA,
    SYSCALL_STOP,
    syscall_info,
)
from docker_slim_plugin.observe.syscalls import ROOT_CALLS, SYSCALLS, filter_program, numbers

MAX_SEEN = 200_000
"""Distinct accesses remembered, so as to say each once; then forgotten, and said again: memory stays bounded."""
SPIN = 100
"""Polls before sleeping: a stop that comes at once is taken without the price of a wake-up."""
REST_SECONDS, SLEEP_SECONDS = 0.02, 0.5
AF_UNIX, SOCKADDR_UN = 1, 110
X32_BIT = 0x40000000
CAPABILITY = "security.capability"


@dataclass(slots=True)
class Speaker:
    """A process between two execs, as the messages name it."""

    argv0: str
    number: int = 0
    """0 until it has had something new to say."""


class Tracer:
    """Follows every process under the gates that it was given, until none is left."""

    def __init__(self, *, machine: str, use_filter: bool, detach: bool = False) -> None:
        self.detach = detach
        """Whether to let go of a process as soon as it runs its program."""
        self.program = filter_program(machine) if use_filter else b""
        self.rows = {} if use_filter else numbers(machine)
        self.go = PTRACE_CONT if use_filter else PTRACE_SYSCALL
        self.roots: set[int] = set()
        """Pids that were attached to; their end is told."""
        self.live = 0
        self.process: dict[int, Speaker] = {}
        self.count = 0
        self.seen: set[tuple[int, str, bytes]] = set()
        self.found: list[tuple[Speaker, int, bytes, str]] = []
        """What the current stop shows: who, row, path, root."""
        self.rooted = False
        """Whether any process may have another root than the container's."""
        self.events = self.lost = self.stops = self.told = 0
        self.out: list[str] = []
        self.pending = b""
        self.closed = False

    # -- messages ---------------------------------------------------------------------------------------------------

    def say(self, *message: Any) -> None:
        self.out.append(json.dumps(message))
        if len(self.out) > 500:
            self.flush()

    def flush(self) -> None:
        if self.out:
            data = ("\n".join(self.out) + "\n").encode()
            self.out.clear()
            while data:
                data = data[os.write(1, data) :]

    def commands(self) -> None:
        """Carry out what has arrived on standard input; its end means that nobody listens any more."""
        while True:
            try:
                data = os.read(0, 65536)
            except BlockingIOError:
                break
            if not data:
                self.closed = True
                break
            self.pending += data
        *lines, self.pending = self.pending.split(b"\n")
        for line in lines:
            pid = int(json.loads(line)[1])
            try:
                self.attach(pid)
                self.say("released", pid)
            except Refused as error:
                self.say("refused", pid, error.number, str(error))
            except (OSError, PtraceError) as error:
                self.say("refused", pid, getattr(error, "errno", 0) or 0, str(error))
            self.flush()

    # -- the loop ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        wake = {signal.SIGCHLD, signal.SIGUSR1}
        waitpid, flags = os.waitpid, os.WNOHANG | binding.THREAD_TRACE_FLAGS
        idle = 0
        while not self.closed:
            try:
                pid, status = waitpid(-1, flags)
            except ChildProcessError:
                pid, idle = 0, SPIN
            if pid:
                idle = 0
                self.stopped(pid, status)
                continue
            idle += 1
            if idle > SPIN:
                # What has been seen is told after a moment of rest: to tell it at once would wake our reader, and take
                # the processor from the app.
                woken = signal.sigtimedwait(wake, REST_SECONDS if self.told != self.events else SLEEP_SECONDS)
                if woken is None:
                    self.tell_counts()
                if woken is None or woken.si_signo != signal.SIGCHLD:
                    self.commands()

    def tell_counts(self) -> None:
        if self.told != self.events:
            self.told = self.events
            self.say("counts", self.events, self.lost, self.stops)
            self.flush()

    def stopped(self, pid: int, status: int) -> None:
        """Handle one wait status, and let the tracee go on."""
        if not os.WIFSTOPPED(status):
            self.forget(pid, status)
            return
        self.stops += 1
        event = status >> 16
        command, number = self.go, 0
        try:
            if event == PTRACE_EVENT_SECCOMP or status >> 8 == SYSCALL_STOP:
                self.entered(pid)
            elif event == 0:
                number = os.WSTOPSIG(status)
            elif event in FORKS:
                self.forked(pid)
            elif event == PTRACE_EVENT_EXEC:
                self.executed(pid)
            elif event == PTRACE_EVENT_STOP and os.WSTOPSIG(status) in GROUP_STOPS:
                # The whole group is stopped, and is to stay so until SIGCONT: PTRACE_CONT would wake it. ptrace(2).
                command = PTRACE_LISTEN
            ptrace(command, pid, 0, number)
        except PtraceError as error:
            # Killed while it was stopped: its end comes with the next wait.
            if error.errno != errno.ESRCH:
                raise
        if self.found:
            # What needs no stopped tracee is done while it runs on.
            self.remember(pid)

    def forget(self, pid: int, status: int) -> None:
        self.process.pop(pid, None)
        if pid in self.roots:
            self.roots.discard(pid)
            self.tell_counts()
            self.say("ended", pid, status)
            self.flush()

    # -- what a stop shows ------------------------------------------------------------------------------------------

    def entered(self, pid: int) -> None:
        """Record the paths of the system call that `pid` is about to make."""
        fields = syscall_info(pid)
        if self.program:
            row = fields[RET_DATA]
        elif fields[OP] == PTRACE_SYSCALL_INFO_ENTRY:
            known = self.rows.get((fields[ARCH], fields[NR] & ~X32_BIT))
            if known is None:
                return
            row = known
        else:
            return
        self.events += 1
        call = SYSCALLS[row]
        for argument in call.paths:
            raw = self.path(pid, call.kind, fields[ARGUMENTS + argument.position], fields)
            if raw:
                directory = None if argument.directory is None else fields[ARGUMENTS + argument.directory]
                self.named(pid, row, raw, directory)
        if not call.paths or call.name in ROOT_CALLS:
            self.special(pid, call.name, fields)

    def path(self, pid: int, kind: AccessKind, address: int, fields: tuple[int, ...]) -> bytes:
        """Return the path that a call's argument points to; b"" when it points to none."""
        if not address:
            return b""
        try:
            if kind is AccessKind.CONNECT:
                return socket_path(pid, address, fields[ARGUMENTS + 2])
            return string(pid, address)
        except OSError as error:
            # EFAULT: the call fails with it as well. ESRCH: killed meanwhile.
            if error.errno not in (errno.EFAULT, errno.ESRCH):
                self.lost += 1
            return b""

    def named(self, pid: int, row: int, raw: bytes, directory: int | None) -> None:
        """Find out what `pid` named by `raw`, relative to `directory` (a descriptor, or None for its cwd)."""
        speaker = self.process.get(pid) or self.meet(pid)
        root = "/"
        if self.rooted or not raw.startswith(b"/"):
            try:
                root = os.readlink(f"/proc/{pid}/root") if self.rooted else "/"
                if not raw.startswith(b"/"):
                    raw = self.base(pid, directory) + b"/" + raw
                elif root != "/":
                    raw = os.fsencode(root) + raw
            except OSError:
                # A descriptor that is not open: the call fails with EBADF, and names nothing.
                return
        self.found.append((speaker, row, raw, root))

    def remember(self, pid: int) -> None:
        """Say what the last stop has shown, if it is new."""
        for speaker, row, raw, root in self.found:
            key = (row, speaker.argv0, raw)
            if key not in self.seen:
                if len(self.seen) >= MAX_SEEN:
                    self.seen.clear()
                self.seen.add(key)
                self.say("access", self.number(pid, speaker), row, os.fsdecode(raw), root)
        self.found.clear()

    @staticmethod
    def base(pid: int, directory: int | None) -> bytes:
        """Return the directory that a relative path of `pid` starts from, as the kernel names it."""
        low = None if directory is None else directory & 0xFFFFFFFF
        where = f"/proc/{pid}/cwd" if low is None or low == 0xFFFFFF9C else f"/proc/{pid}/fd/{low}"  # AT_FDCWD is -100
        return os.readlink(os.fsencode(where)).removesuffix(b" (deleted)")

    def meet(self, pid: int) -> Speaker:
        """Note who `pid` is, now that it does something for the first time since its exec."""
        try:
            with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
                argv0 = os.fsdecode(file.read(256).split(b"\0", 1)[0])
        except OSError:
            argv0 = ""
        if len(self.process) > MAX_SEEN:
            self.process.clear()
        speaker = self.process[pid] = Speaker(argv0)
        return speaker

    def number(self, pid: int, speaker: Speaker) -> int:
        """Return the number of a process in the messages, introducing it first if need be."""
        if not speaker.number:
            self.count += 1
            speaker.number = self.count
            self.say("process", self.count, pid, speaker.argv0)
        return speaker.number

    def forked(self, pid: int) -> None:
        """Let the child of `pid` have its name until it execs: cheaper than to ask /proc."""
        speaker = self.process.get(pid)
        if speaker is not None:
            self.process.setdefault(binding.ptrace_geteventmsg(pid), Speaker(speaker.argv0))

    def executed(self, pid: int) -> None:
        """Note that `pid` runs another program now, and whether no_new_privs took rights from it."""
        self.process.pop(pid, None)
        if self.program and gains_rights(pid):
            self.say("rights", self.number(pid, self.meet(pid)), os.readlink(f"/proc/{pid}/exe"))

    def special(self, pid: int, name: str, fields: tuple[int, ...]) -> None:
        if name in ROOT_CALLS:
            self.rooted = True
        elif name == "ptrace" and fields[ARGUMENTS] in (0, binding.PTRACE_ATTACH, PTRACE_SEIZE):  # 0 is PTRACE_TRACEME
            self.say("ptrace", self.number(pid, self.process.get(pid) or self.meet(pid)))

    def attach(self, pid: int) -> None:
        """Follow the process that waits at the gate, and let it go; or only let it go."""
        self.process[pid] = Speaker("docker")
        release(pid, self.program, self.entered)
        if self.detach:
            ptrace(binding.PTRACE_DETACH, pid, 0, 0)
            return
        self.roots.add(pid)
        self.remember(pid)
        self.executed(pid)
        ptrace(self.go, pid, 0, 0)


def socket_path(pid: int, address: int, length: int) -> bytes:
    """Return the path in a struct sockaddr_un (unix(7)); b"" for other families and abstract names."""
    data = peek(pid, address, min(length & 0xFFFFFFFF, SOCKADDR_UN))
    if len(data) < 3 or int.from_bytes(data[:2], sys.byteorder) != AF_UNIX:
        return b""
    return data[2:].split(b"\0", 1)[0]


def gains_rights(pid: int) -> bool:
    """Tell whether the program that `pid` runs would have got rights that no_new_privs kept from it (execve(2)).

    Asks /proc/PID/exe, which leads to the very file without a lookup in the container.
    """
    try:
        file = os.stat(f"/proc/{pid}/exe")
        set_uid, set_gid = file.st_mode & stat.S_ISUID, file.st_mode & stat.S_ISGID and file.st_mode & stat.S_IXGRP
        capable = CAPABILITY in os.listxattr(f"/proc/{pid}/exe")
        if not (set_uid or set_gid or capable):
            return False
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as lines:
            ids = dict(line.split(":", 1) for line in lines)
        uid, gid = int(ids["Uid"].split()[1]), int(ids["Gid"].split()[1])
        if (set_uid and uid != file.st_uid) or (set_gid and gid != file.st_gid):
            return True
        return bool(capable) and uid != 0
    except (OSError, KeyError, ValueError):
        return False


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGUSR1})
    os.set_blocking(0, False)
    options = sys.argv[1:]
    tracer = Tracer(
        machine=os.uname().machine, use_filter="--no-filter" not in options, detach="--detach" in options
    )
    # Nothing here is ever in a cycle, and the app waits while garbage is looked for.
    gc.disable()
    # Nobody listens any more: the end, and with it that of every tracee.
    with contextlib.suppress(BrokenPipeError):
        tracer.say("ready")
        tracer.flush()
        tracer.run()


if __name__ == "__main__":
    main()
