"""The table of traced threads, with the ptrace request that resumes each of them after a stop."""

from __future__ import annotations

from ptrace.binding.func import PTRACE_CONT, PTRACE_SYSCALL

from docker_slim_plugin.observe.tracer.ptrace_stops import event_message

_RESUME_TO_SYSCALL: int = PTRACE_SYSCALL


class ThreadTable:
    """All traced threads."""

    def __init__(self, *, use_filter: bool) -> None:
        self._default_request: int = PTRACE_CONT if use_filter else _RESUME_TO_SYSCALL
        self.known: set[int] = set()
        self._unfiltered: set[int] = set()
        """Threads without our seccomp filter, which stop at every system call; a child is like its parent."""
        self._seized_in_exec: set[int] = set()
        """Threads that were seized in an execve(2), until that execve(2) has ended."""
        self.awaiting_stop: set[int] = set()
        """Seized threads that have not stopped yet."""
        self.in_execve: set[int] = set()
        """Threads whose last system call was execve(2)."""
        self._all = (self.known, self._unfiltered, self._seized_in_exec, self.awaiting_stop, self.in_execve)

    def resume_request(self, tid: int) -> int:
        """Return the ptrace request that resumes a thread."""
        return _RESUME_TO_SYSCALL if tid in self._unfiltered else self._default_request

    def is_filtered(self, tid: int) -> bool:
        """Tell whether a thread has our filter, and therefore no_new_privs."""
        return self.resume_request(tid) != _RESUME_TO_SYSCALL

    def add_seized(self, tid: int, *, in_exec: bool) -> None:
        """Add a thread that was seized while it ran, or in an execve(2)."""
        self.known.add(tid)
        self._unfiltered.add(tid)
        (self._seized_in_exec if in_exec else self.awaiting_stop).add(tid)

    def add_child(self, parent: int, child: int) -> None:
        """Add a child at the fork event of its parent."""
        self.known.add(child)
        if parent in self._unfiltered:
            self._unfiltered.add(child)
        else:
            self._unfiltered.discard(child)

    def record_stop(self, tid: int) -> None:
        """Record a PTRACE_EVENT_STOP; add the thread if it is new."""
        self.awaiting_stop.discard(tid)
        if tid not in self.known:
            # A child can stop before its parent's fork event arrives. Until then, assume that it may have no filter.
            self.known.add(tid)
            if self._unfiltered:
                self._unfiltered.add(tid)

    def record_syscall(self, tid: int, *, exec_call: bool) -> None:
        if exec_call:
            self.in_execve.add(tid)
        elif self.in_execve:
            self.in_execve.discard(tid)

    def record_exec(self, pid: int) -> None:
        """Record an exec in `pid`. If another thread of the group made it, its entries move to `pid`. See ptrace(2)."""
        if pid not in self.in_execve:
            former_tid = event_message(pid)
            self.in_execve.discard(former_tid)
            for threads in self._all:
                if former_tid in threads:
                    threads.discard(former_tid)
                    threads.add(pid)
        self.in_execve.discard(pid)

    def pop_seized_in_exec(self, pid: int) -> bool:
        """Tell, once, whether a thread was seized in an execve(2) that has now ended."""
        if pid not in self._seized_in_exec:
            return False
        self._seized_in_exec.discard(pid)
        return True

    def remove(self, tid: int) -> None:
        for threads in self._all:
            threads.discard(tid)
