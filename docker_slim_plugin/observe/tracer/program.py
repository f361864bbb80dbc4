"""The tracer: a process of its own that follows tracees by ptrace(2) and says which paths they name.

    python -m docker_slim_plugin.observe.tracer.program

It reads commands from standard input and writes messages to standard output, each a JSON array on a line:

    ["attach", pid]                      follow the process that waits in the gate `pid`, and let it go
    ["seize", pid]                       follow a process that runs already, with all its threads
    ["released", pid] | ["refused", pid, errno, text]
    ["door", text]                       who comes in from outside is followed too; or, with a text, why not
    ["missed", argv0]                    a process from outside that could not be followed
    ["process", number, pid, argv0]      a process (after each exec a new number); pid is the host's
    ["access", number, row, path, root]  row of syscalls.SYSCALLS; root is "/" unless the process has been chrooted
    ["has", number, kind, path]          a file that a seized process had already
    ["rights", number, path]             an exec that no_new_privs kept from gaining rights
    ["ptrace", number]                   the app traces processes itself
    ["ended", pid, status]               a process that was attached to has ended; wait status as of waitpid(2)
    ["counts", events, lost, stops]      now and then, and before it goes to sleep

Only this process is ptrace's: ptrace binds to a thread, waitpid(-1) would steal others' children, and python-ptrace's
licence (GPL-2.0) stays on this side of a pipe. It ends when standard input closes. PTRACE_O_EXITKILL takes what came
through the gate with it: nothing ever runs on untraced and unnoticed. What it seized outlives it.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import select
import signal
import sys
import time
from collections.abc import Callable

from ptrace import PtraceError
from ptrace.binding import func as binding
from ptrace.binding.func import PTRACE_DETACH, PTRACE_EVENT_EXEC, ptrace

from docker_slim_plugin.kernel.syscalls import argv0, signalfd
from docker_slim_plugin.model.observation import AccessKind
from docker_slim_plugin.observe.tracer import existing_processes
from docker_slim_plugin.observe.tracer.channel import Channel
from docker_slim_plugin.observe.tracer.exec_attach import Door
from docker_slim_plugin.observe.tracer.gate_release import Refused, release
from docker_slim_plugin.observe.tracer.path_recorder import Witness
from docker_slim_plugin.observe.tracer.polling import Patience
from docker_slim_plugin.observe.tracer.ptrace_stops import (
    FORKS,
    GROUP_STOPS,
    PTRACE_EVENT_SECCOMP,
    PTRACE_EVENT_STOP,
    PTRACE_LISTEN,
    SYSCALL_STOP,
    event_message,
)
from docker_slim_plugin.observe.tracer.syscall_table import filter_program
from docker_slim_plugin.observe.tracer.thread_table import Kin

REST_SECONDS, SLEEP_SECONDS = 0.02, 0.5
TELL_SECONDS, BUSY_STOPS = 0.2, 1000
"""What has been seen is told after so long, or so many stops, even if there is no moment of rest."""
SEIZE_SECONDS = 2.0
"""How long running processes may take to stop for the first time, or for the last."""
NAP_SECONDS = 0.0002


class Tracer:
    """Follows every process under the gates that it was given, and those that it seized, until none is left."""

    def __init__(self, *, machine: str, use_filter: bool, detach: bool = False) -> None:
        self.channel = Channel()
        self.witness = Witness(self.channel, machine)
        self.detach = detach
        """Whether to let go of a process as soon as it runs its program."""
        self.program = filter_program(machine) if use_filter else b""
        self.kin = Kin(use_filter=use_filter)
        self.roots: set[int] = set()
        """Pids that were attached to; their end is told."""
        self.seized = False
        self.door: Door | None = None
        self.stops = 0
        self.tell_at = 0.0
        self.signals = signalfd(signal.SIGCHLD)
        self.poll = select.poll()
        self.poll.register(0, select.POLLIN)
        self.poll.register(self.signals, select.POLLIN)

    # -- the loop ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        patience = Patience()
        while not self.channel.closed:
            if self.step():
                patience.rewarded()
                if not self.stops % BUSY_STOPS:
                    self.tell()
            elif not patience.lasts():
                self.rest()
        if self.seized:
            existing_processes.let_go(self.kin.known, SEIZE_SECONDS)

    def step(self) -> bool:
        """Handle one stop or end of a tracee, if there is one; tell whether there was."""
        try:
            pid, status = os.waitpid(-1, os.WNOHANG | binding.THREAD_TRACE_FLAGS)
        except ChildProcessError:
            pid = 0
        if pid:
            self.stopped(pid, status)
            return True
        # While an exec is on its way somebody waits at the door, or will at once.
        return bool(self.kin.execing and self.door and self.door.answer())

    def rest(self) -> None:
        """Sleep until something happens."""
        # What has been seen is told after a moment of rest: to tell it at once would wake our reader, and take the
        # processor from the app.
        untold = self.witness.told != self.witness.events
        ready = self.poll.poll((REST_SECONDS if untold else SLEEP_SECONDS) * 1000)
        if not ready or time.monotonic() > self.tell_at:
            self.tell()
        for descriptor, _ in ready:
            if descriptor == self.signals:
                os.read(self.signals, 4096)
            elif descriptor == 0:
                self.commands()
            elif self.door:
                self.door.answer()
        if self.door and self.door.missed:
            self.tell_missed(self.door)

    def tell(self) -> None:
        """Say what is to be said, and how much there was."""
        self.tell_at = time.monotonic() + TELL_SECONDS
        self.witness.tell_counts(self.stops)

    def until(self, done: Callable[[], bool], seconds: float) -> None:
        """Go on with the loop until `done`, or for so long."""
        deadline = time.monotonic() + seconds
        while not done() and time.monotonic() < deadline:
            if not self.step():
                time.sleep(NAP_SECONDS)

    def await_stop(self, pid: int) -> int:
        """Return the next wait status of `pid` alone."""
        while True:
            got, status = os.waitpid(pid, os.WNOHANG | binding.THREAD_TRACE_FLAGS)
            if got:
                return status
            if self.door:
                self.door.answer()

    def stopped(self, pid: int, status: int) -> None:
        """Handle one wait status, and let the tracee go on."""
        if not os.WIFSTOPPED(status):
            self.forget(pid, status)
            return
        self.stops += 1
        event = status >> 16
        number = 0
        try:
            if event == PTRACE_EVENT_SECCOMP or status >> 8 == SYSCALL_STOP:
                self.kin.called(pid, exec_call=self.witness.enters(pid) is AccessKind.EXEC)
            elif event == 0:
                number = os.WSTOPSIG(status)
            else:
                self.happened(pid, event)
            # A group that is stopped is to stay so until SIGCONT: PTRACE_CONT would wake it. ptrace(2).
            is_group = event == PTRACE_EVENT_STOP and os.WSTOPSIG(status) in GROUP_STOPS
            ptrace(PTRACE_LISTEN if is_group else self.kin.way(pid), pid, 0, number)
        except PtraceError as error:
            # Killed while it was stopped: its end comes with the next wait.
            if not existing_processes.has_ended(error):
                raise
        # What needs no stopped tracee is done while it runs on.
        self.witness.tell(pid)
        if event == PTRACE_EVENT_EXEC:
            self.witness.executed(pid, filtered=self.kin.is_filtered(pid))

    def happened(self, pid: int, event: int) -> None:
        """Take note of what a process has become."""
        if event in FORKS:
            child = event_message(pid)
            self.kin.born(pid, child)
            self.witness.inherits(child, pid)
            return
        if event == PTRACE_EVENT_EXEC:
            self.kin.replaced(pid)
            self.witness.forget(pid)
        elif event == PTRACE_EVENT_STOP:
            self.kin.halted(pid)
        if self.kin.is_new_stranger(pid):
            self.witness.arrives(pid)

    def forget(self, pid: int, status: int) -> None:
        self.kin.ended(pid)
        self.witness.forget(pid)
        if pid in self.roots:
            self.roots.discard(pid)
            self.witness.tell_counts(self.stops)
            self.channel.say("ended", pid, status)
            self.channel.flush()

    # -- beginning and end ------------------------------------------------------------------------------------------

    def commands(self) -> None:
        for name, pid in self.channel.commands():
            try:
                self.attach(pid) if name == "attach" else self.seize(pid)
                self.channel.say("released", pid)
            except Refused as error:
                self.channel.say("refused", pid, error.number, str(error))
            except (OSError, PtraceError) as error:
                self.channel.say("refused", pid, getattr(error, "errno", 0) or 0, str(error))
            self.channel.flush()

    def attach(self, pid: int) -> None:
        """Follow the process that waits at the gate, and let it go; or only let it go."""
        self.witness.introduce(pid, "docker")
        self.witness.stands_in(pid, mounted=False)
        self.kin.known.add(pid)
        if not self.detach:
            self.open_door(pid)
        release(pid, self.program, self.witness.enters, self.await_stop)
        if self.detach:
            ptrace(PTRACE_DETACH, pid, 0, 0)
            return
        self.roots.add(pid)
        self.witness.tell(pid)
        self.witness.forget(pid)
        self.witness.executed(pid, filtered=bool(self.program))
        ptrace(self.kin.way(pid), pid, 0, 0)

    def seize(self, pid: int) -> None:
        """Follow all threads of a process that runs already, and say which files it has."""
        self.seized = True
        self.witness.stands_in(pid, mounted=True)
        self.open_door(pid)
        deadline = time.monotonic() + SEIZE_SECONDS
        known = self.kin.known
        while (
            fresh := [tid for tid in existing_processes.threads(pid) if tid not in known]
        ) and time.monotonic() < deadline:
            for tid in fresh:
                try:
                    existing_processes.seize(tid)
                    self.kin.took_in(tid, stranger=False)
                except PtraceError:
                    # Threads that a followed one has made since are ours already.
                    if not existing_processes.needs_no_seizing(tid):
                        raise
                    self.step()
            self.until(lambda: not self.kin.awaited, SEIZE_SECONDS)
        if pid not in known:
            raise Refused(errno.ESRCH, "it has ended")
        self.roots.add(pid)
        self.witness.has(pid)

    def open_door(self, pid: int) -> None:
        """Follow whoever comes into the container of `pid` from now on, too."""
        if self.door:
            return
        try:
            self.door = Door(pid, self.kin.known.__contains__, self.meet)
        except OSError as error:
            self.channel.say("door", error.strerror)
            return
        self.poll.register(self.door, select.POLLIN)
        self.channel.say("door", "")

    def meet(self, tid: int) -> None:
        """Follow a thread from outside, which waits for us in its exec."""
        try:
            existing_processes.seize(tid)
        except PtraceError:
            if not existing_processes.needs_no_seizing(tid):
                self.channel.say("missed", argv0(tid))
            return
        self.kin.took_in(tid, stranger=True)

    def tell_missed(self, door: Door) -> None:
        for tid in door.missed:
            self.channel.say("missed", argv0(tid))
        door.missed.clear()


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    os.set_blocking(0, False)
    options = sys.argv[1:]
    tracer = Tracer(machine=os.uname().machine, use_filter="--no-filter" not in options, detach="--detach" in options)
    # Nothing here is ever in a cycle, and the app waits while garbage is looked for.
    gc.disable()
    # Nobody listens any more: the end, and with it that of every tracee.
    with contextlib.suppress(BrokenPipeError):
        tracer.channel.say("ready")
        tracer.channel.flush()
        tracer.run()


if __name__ == "__main__":
    main()
