"""Which threads are followed, and how each of them goes on after a stop."""

from __future__ import annotations

from ptrace.binding.func import PTRACE_CONT, PTRACE_SYSCALL

from docker_slim_plugin.observe.tracer.ptrace_stops import event_message

_AT_EVERY_CALL: int = PTRACE_SYSCALL


class Kin:
    """All threads that are followed."""

    def __init__(self, *, use_filter: bool) -> None:
        self._way: int = PTRACE_CONT if use_filter else _AT_EVERY_CALL
        self.known: set[int] = set()
        self._every: set[int] = set()
        """Threads without our filter, which stop at every call; children go their parent's way."""
        self._strangers: set[int] = set()
        """Threads that came in from outside, until their first exec is over."""
        self.awaited: set[int] = set()
        """Threads that were seized and have not stopped yet."""
        self.execing: set[int] = set()
        """Threads whose last call was execve(2)."""
        self._all = (self.known, self._every, self._strangers, self.awaited, self.execing)

    def way(self, tid: int) -> int:
        """Return the request that lets a thread go on."""
        return _AT_EVERY_CALL if tid in self._every else self._way

    def is_filtered(self, tid: int) -> bool:
        """Tell whether a thread has our filter, and no_new_privs with it."""
        return self.way(tid) != _AT_EVERY_CALL

    def took_in(self, tid: int, *, stranger: bool) -> None:
        """A thread that ran already is followed from now on."""
        self.known.add(tid)
        self._every.add(tid)
        (self._strangers if stranger else self.awaited).add(tid)

    def born(self, parent: int, child: int) -> None:
        """The parent's event has come."""
        self.known.add(child)
        if parent in self._every:
            self._every.add(child)
        else:
            self._every.discard(child)

    def halted(self, tid: int) -> None:
        """A thread has stopped for the first time, or again."""
        self.awaited.discard(tid)
        if tid not in self.known:
            # A child that is here before its parent's event: until that comes, it may be one without the filter.
            self.known.add(tid)
            if self._every:
                self._every.add(tid)

    def called(self, tid: int, *, exec_call: bool) -> None:
        if exec_call:
            self.execing.add(tid)
        elif self.execing:
            self.execing.discard(tid)

    def replaced(self, pid: int) -> None:
        """Another program begins in `pid`, which may have come to it from another thread of its own. See ptrace(2)."""
        if pid not in self.execing:
            former = event_message(pid)
            self.execing.discard(former)
            for threads in self._all:
                if former in threads:
                    threads.discard(former)
                    threads.add(pid)
        self.execing.discard(pid)

    def is_new_stranger(self, pid: int) -> bool:
        """Tell, once, that a thread from outside runs its program now."""
        if pid not in self._strangers:
            return False
        self._strangers.discard(pid)
        return True

    def ended(self, tid: int) -> None:
        for threads in self._all:
            threads.discard(tid)
