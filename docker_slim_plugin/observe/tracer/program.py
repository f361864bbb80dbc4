"""The tracer process: traces processes with ptrace(2) and reports the paths that they name.

    python -m docker_slim_plugin.observe.tracer.program

It reads commands from standard input and writes messages to standard output, each a JSON array on a line:

    ["attach", pid]                      trace the process that waits in the gate `pid`, and release it
    ["seize", pid]                       trace a process that runs already, with all its threads
    ["released", pid] | ["refused", pid, errno, text]
    ["exec-attach", text]                processes from outside are traced too; or, with a text, why not
    ["missed", argv0]                    a process from outside that could not be traced
    ["process", number, pid, parent, seconds, argv]  a process (after each exec a new number); pid is that of the host,
                                         parent the number of what started it or executed it, 0 if unknown
    ["access", number, row, path, root, seconds]  row of syscall_table.SYSCALLS; root is "/" unless the process is in a
                                         chroot; seconds are of time.monotonic()
    ["existing", number, kind, path]     a file that a seized process had open already
    ["call", number, name, abi, refused, arguments]  with --record-calls: a system call (call_recorder.py)
    ["privilege-gain", number, path]     an exec that no_new_privs kept from gaining privileges
    ["ptrace", number]                   the app traces processes itself
    ["use", name, values]                with --uses: a system call of the app, and some of its arguments (uses.py)
    ["file", path, root]                 with --uses: the app opens a file to change or make it
    ["make" | "remove" | "rename", path, root]  with --uses: the app changes a name
    ["ended", pid, status]               an attached process has ended; wait status as of waitpid(2)
    ["counts", events, lost, stops]      at intervals, and before the tracer sleeps

Only this process uses ptrace(2): ptrace binds to a thread, waitpid(-1) would reap the children of others, and
python-ptrace's licence (GPL-2.0) stays on this side of a pipe. The tracer exits when standard input closes.
PTRACE_O_EXITKILL then kills the processes from a gate, so that none continues untraced. Seized processes outlive it.
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
from ptrace.binding.func import PTRACE_DETACH, PTRACE_EVENT_CLONE, PTRACE_EVENT_EXEC, ptrace

from docker_slim_plugin.kernel.syscalls import argv0, signalfd
from docker_slim_plugin.model.observation import AccessKind
from docker_slim_plugin.observe.tracer import existing_processes
from docker_slim_plugin.observe.tracer.call_recorder import CallRecorder
from docker_slim_plugin.observe.tracer.channel import Channel
from docker_slim_plugin.observe.tracer.exec_attach import ExecAttach
from docker_slim_plugin.observe.tracer.gate_release import AttachError, release
from docker_slim_plugin.observe.tracer.path_recorder import PathRecorder
from docker_slim_plugin.observe.tracer.polling import PollBudget
from docker_slim_plugin.observe.tracer.ptrace_stops import (
    FORK_EVENTS,
    GROUP_STOP_SIGNALS,
    PTRACE_EVENT_SECCOMP,
    PTRACE_EVENT_STOP,
    PTRACE_LISTEN,
    SYSCALL_STOP,
    event_message,
)
from docker_slim_plugin.observe.tracer.syscall_table import filter_program
from docker_slim_plugin.observe.tracer.thread_table import ThreadTable

IDLE_SECONDS, SLEEP_SECONDS = 0.02, 0.5
REPORT_SECONDS, REPORT_STOPS = 0.2, 1000
"""Counts are reported after this many seconds, or this many stops, even while stops keep coming."""
SEIZE_SECONDS = 2.0
"""Seconds that running processes may take to stop after PTRACE_INTERRUPT."""
POLL_SECONDS = 0.0002


class Tracer:
    """Traces the processes from the gates, the seized processes, and all their descendants, until none is left."""

    def __init__(
        self,
        *,
        machine: str,
        use_filter: bool,
        detach: bool = False,
        record_calls: bool = False,
        uses: bool = False,
    ) -> None:
        self.channel = Channel()
        self.recorder = PathRecorder(self.channel, machine, uses=uses)
        self.calls = CallRecorder(self.channel, machine, self.recorder.number) if record_calls else None
        self.detach = detach
        """Whether to detach from a process as soon as it executes its program."""
        self.program = filter_program(machine, uses=uses) if use_filter else b""
        self.threads = ThreadTable(use_filter=use_filter)
        self.attached: set[int] = set()
        """Pids that were attached or seized; their end is reported."""
        self.seized = False
        self.exec_attach: ExecAttach | None = None
        self.stops = 0
        self.report_at = 0.0
        self.signals = signalfd(signal.SIGCHLD)
        self.poll = select.poll()
        self.poll.register(0, select.POLLIN)
        self.poll.register(self.signals, select.POLLIN)

    # -- the loop ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        poll_budget = PollBudget()
        while not self.channel.closed:
            if self.step():
                poll_budget.record_stop()
                if not self.stops % REPORT_STOPS:
                    self.report()
            elif not poll_budget.should_poll():
                self.sleep()
        if self.seized:
            existing_processes.detach_all(self.threads.known, SEIZE_SECONDS)

    def step(self) -> bool:
        """Handle one stop or end of a tracee; return False when there was none."""
        try:
            pid, status = os.waitpid(-1, os.WNOHANG | binding.THREAD_TRACE_FLAGS)
        except ChildProcessError:
            pid = 0
        if pid:
            self.handle_wait_status(pid, status)
            return True
        # While a thread is in execve(2), a permission event is pending, or comes at once.
        return bool(self.threads.in_execve and self.exec_attach and self.exec_attach.handle_events())

    def sleep(self) -> None:
        """Wait for the next event; report the counts after an idle period."""
        # Counts are reported only after an idle period: an immediate message would wake the reader, which takes the
        # processor from the app.
        has_unsent = self.recorder.sent_events != self.recorder.events
        ready = self.poll.poll((IDLE_SECONDS if has_unsent else SLEEP_SECONDS) * 1000)
        if not ready or time.monotonic() > self.report_at:
            self.report()
        for descriptor, _ in ready:
            if descriptor == self.signals:
                os.read(self.signals, 4096)
            elif descriptor == 0:
                self.run_commands()
            elif self.exec_attach:
                self.exec_attach.handle_events()
        if self.exec_attach and self.exec_attach.missed:
            self.report_missed(self.exec_attach)

    def report(self) -> None:
        """Send the buffered messages and the counts."""
        self.report_at = time.monotonic() + REPORT_SECONDS
        self.recorder.send_counts(self.stops)

    def run_until(self, done: Callable[[], bool], seconds: float) -> None:
        """Handle stops until `done`, for at most `seconds`."""
        deadline = time.monotonic() + seconds
        while not done() and time.monotonic() < deadline:
            if not self.step():
                time.sleep(POLL_SECONDS)

    def wait_for_stop(self, pid: int) -> int:
        """Return the next wait status of `pid` alone."""
        while True:
            got, status = os.waitpid(pid, os.WNOHANG | binding.THREAD_TRACE_FLAGS)
            if got:
                return status
            if self.exec_attach:
                self.exec_attach.handle_events()

    def handle_wait_status(self, pid: int, status: int) -> None:
        """Handle one wait status, and resume the tracee."""
        if not os.WIFSTOPPED(status):
            self.handle_end(pid, status)
            return
        self.stops += 1
        event = status >> 16
        number = 0
        try:
            if event == PTRACE_EVENT_SECCOMP or status >> 8 == SYSCALL_STOP:
                self.threads.record_syscall(pid, exec_call=self.recorder.record_syscall_enter(pid) is AccessKind.EXEC)
                if self.calls:
                    self.calls.record_stop(pid)
            elif event == 0:
                number = os.WSTOPSIG(status)
            else:
                self.handle_event(pid, event)
            # A group-stop must last until SIGCONT: PTRACE_CONT would end it, PTRACE_LISTEN does not. See ptrace(2).
            is_group = event == PTRACE_EVENT_STOP and os.WSTOPSIG(status) in GROUP_STOP_SIGNALS
            ptrace(PTRACE_LISTEN if is_group else self.threads.resume_request(pid), pid, 0, number)
        except PtraceError as error:
            # The tracee was killed in its stop: waitpid(2) reports its end next.
            if not existing_processes.has_ended(error):
                raise
        # Work that needs no stopped tracee is done while it runs.
        self.recorder.send_accesses()
        if event == PTRACE_EVENT_EXEC:
            self.recorder.record_exec(pid, filtered=self.threads.is_filtered(pid))

    def handle_event(self, pid: int, event: int) -> None:
        """Handle a ptrace event: a fork, an exec, or a stop."""
        if event in FORK_EVENTS:
            child = event_message(pid)
            self.threads.add_child(pid, child)
            self.recorder.add_child(child, pid, thread=event == PTRACE_EVENT_CLONE)
            return
        if event == PTRACE_EVENT_EXEC:
            self.threads.record_exec(pid)
            self.recorder.processes.replace_program(pid)
        elif event == PTRACE_EVENT_STOP:
            self.threads.record_stop(pid)
        if self.threads.pop_seized_in_exec(pid):
            self.recorder.record_exec_filename(pid)

    def handle_end(self, pid: int, status: int) -> None:
        self.threads.remove(pid)
        self.recorder.processes.forget(pid)
        self.recorder.outside.discard(pid)
        if self.calls:
            self.calls.forget(pid)
            self.recorder.lost += self.calls.lost
            self.calls.lost = 0
        if pid in self.attached:
            self.attached.discard(pid)
            self.recorder.send_counts(self.stops)
            self.channel.send("ended", pid, status)
            self.channel.flush()

    # -- beginning and end ------------------------------------------------------------------------------------------

    def run_commands(self) -> None:
        for name, pid in self.channel.commands():
            try:
                self.attach(pid) if name == "attach" else self.seize(pid)
                self.channel.send("released", pid)
            except AttachError as error:
                self.channel.send("refused", pid, error.number, str(error))
            except (OSError, PtraceError) as error:
                number = existing_processes.error_number(error)
                self.channel.send("refused", pid, number, str(error))
            self.channel.flush()

    def attach(self, pid: int) -> None:
        """Trace the process that waits in the gate, and release it; with `detach` only release it."""
        self.recorder.processes.set_name(pid, "docker")
        self.recorder.set_image_root(pid, mounted=False)
        if self.threads.known:
            self.recorder.outside.add(pid)
        self.threads.known.add(pid)
        if not self.detach:
            self.start_exec_attach(pid)
        release(pid, self.program, self.recorder.record_syscall_enter, self.wait_for_stop)
        if self.detach:
            ptrace(PTRACE_DETACH, pid, 0, 0)
            return
        self.attached.add(pid)
        self.recorder.send_accesses()
        self.recorder.processes.forget(pid)
        self.recorder.record_exec(pid, filtered=bool(self.program))
        ptrace(self.threads.resume_request(pid), pid, 0, 0)

    def seize(self, pid: int) -> None:
        """Seize all threads of a running process, and report the files that it has open."""
        self.seized = True
        self.recorder.set_image_root(pid, mounted=True)
        self.start_exec_attach(pid)
        deadline = time.monotonic() + SEIZE_SECONDS
        known = self.threads.known
        while (
            new_tids := [tid for tid in existing_processes.thread_ids(pid) if tid not in known]
        ) and time.monotonic() < deadline:
            for tid in new_tids:
                try:
                    existing_processes.seize(tid)
                    self.threads.add_seized(tid, in_exec=False)
                except PtraceError:
                    # Threads created by a traced thread since then are traced already.
                    if not existing_processes.is_traced_or_ended(tid):
                        raise
                    self.step()
            self.run_until(lambda: not self.threads.awaiting_stop, SEIZE_SECONDS)
        if pid not in known:
            raise AttachError(errno.ESRCH, "it has ended")
        self.attached.add(pid)
        self.recorder.record_existing_files(pid)

    def start_exec_attach(self, pid: int) -> None:
        """Trace the processes that enter the container of `pid` from now on."""
        if self.exec_attach:
            return
        try:
            self.exec_attach = ExecAttach(pid, self.threads.known.__contains__, self.attach_thread)
        except OSError as error:
            self.channel.send("exec-attach", error.strerror)
            return
        self.poll.register(self.exec_attach, select.POLLIN)
        self.channel.send("exec-attach", "")

    def attach_thread(self, tid: int) -> None:
        """Seize a thread from outside that waits in its execve(2)."""
        try:
            existing_processes.seize(tid)
        except PtraceError:
            if not existing_processes.is_traced_or_ended(tid):
                self.channel.send("missed", argv0(tid))
            return
        self.threads.add_seized(tid, in_exec=True)
        self.recorder.outside.add(tid)

    def report_missed(self, exec_attach: ExecAttach) -> None:
        for tid in exec_attach.missed:
            self.channel.send("missed", argv0(tid))
        exec_attach.missed.clear()


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    os.set_blocking(0, False)
    options = sys.argv[1:]
    tracer = Tracer(
        machine=os.uname().machine,
        use_filter="--no-filter" not in options,
        detach="--detach" in options,
        uses="--uses" in options,
        record_calls="--record-calls" in options,
    )
    # No object here is part of a reference cycle, and a collection would delay the app.
    gc.disable()
    # The reader has closed the pipe: exit, which ends every tracee.
    with contextlib.suppress(BrokenPipeError):
        tracer.channel.send("ready")
        tracer.channel.flush()
        tracer.run()


if __name__ == "__main__":
    main()
