"""What the tracees' stops show: who names which paths; each said once, to whoever reads the channel."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass

from ptrace.binding import func as binding

from docker_slim_plugin.kernel.syscalls import argv0
from docker_slim_plugin.model.observation import AccessKind
from docker_slim_plugin.observe.mount_names import Mounts, lookup
from docker_slim_plugin.observe.tracer.channel import Channel
from docker_slim_plugin.observe.tracer.existing_processes import holdings
from docker_slim_plugin.observe.tracer.paths import absolute, argument, executed_as
from docker_slim_plugin.observe.tracer.privilege_gain import Rights
from docker_slim_plugin.observe.tracer.ptrace_stops import (
    ARCH,
    ARGUMENTS,
    NR,
    OP,
    PTRACE_SEIZE,
    PTRACE_SYSCALL_INFO_EXIT,
    syscall_info,
)
from docker_slim_plugin.observe.tracer.syscall_table import (
    CONNECT,
    EXECVE,
    MOUNT_CALLS,
    READLINK,
    ROOT_CALLS,
    SOCKETCALL,
    SYSCALLS,
    X32_BIT,
    numbers,
)

MAX_SEEN = 200_000
"""Distinct accesses remembered, so as to say each once; then forgotten, and said again: memory stays bounded."""


@dataclass(slots=True)
class Speaker:
    """A process between two execs, as the messages name it."""

    argv0: str
    number: int = 0
    """0 until it has had something new to say."""


class Witness:
    """Keeps who is who, and what has been said of them."""

    def __init__(self, channel: Channel, machine: str) -> None:
        self._channel = channel
        self._rows = numbers(machine) | {SOCKETCALL: CONNECT}
        self._rights = Rights()
        self._process: dict[int, Speaker] = {}
        self._count = 0
        self._seen: set[tuple[object, str, bytes]] = set()
        self._found: list[tuple[Speaker, int, bytes, str]] = []
        """What the current stop shows: who, row, path, root."""
        self._rooted = False
        """Whether any process may have another root than the container's."""
        self._mounts: Mounts | None = None
        self._mounted = False
        """Whether any process may see the image's files by other names."""
        self.events = self.lost = self.told = 0

    # -- what a stop shows ------------------------------------------------------------------------------------------

    def enters(self, pid: int) -> AccessKind | None:
        """Note the paths of the system call that `pid` is about to make; return what it does, if it names files."""
        fields = syscall_info(pid)
        if fields[OP] == PTRACE_SYSCALL_INFO_EXIT:
            return None
        # By number, and not by what the filter says of it: an app may have a filter of its own.
        row = self._rows.get((fields[ARCH], fields[NR] & ~X32_BIT))
        if row is None:
            return None
        self.events += 1
        call = SYSCALLS[row]
        for place in call.paths:
            address = fields[ARGUMENTS + place.position]
            try:
                raw = argument(pid, call.kind, address, fields) if address else b""
            except OSError as error:
                # EFAULT: the call fails with it as well. ESRCH: killed meanwhile.
                self.lost += error.errno not in (errno.EFAULT, errno.ESRCH)
                continue
            if raw:
                self._names(pid, row, raw, None if place.directory is None else fields[ARGUMENTS + place.directory])
        if not call.paths or call.name in ROOT_CALLS or call.name in MOUNT_CALLS:
            self._special(pid, call.name, fields)
        return call.kind

    def _names(self, pid: int, row: int, raw: bytes, directory: int | None) -> None:
        """Find out what `pid` names by `raw`, relative to `directory` (a descriptor, or None for its cwd)."""
        root = "/"
        if self._rooted or not raw.startswith(b"/"):
            try:
                raw, root = absolute(pid, raw, directory, rooted=self._rooted)
            except OSError:
                # A descriptor that is not open: the call fails with EBADF, and names nothing.
                return
        speaker = self._speaker(pid)
        if not (self._mounted and self._mounts and self._names_elsewhere(speaker, pid, self._mounts, (row, raw, root))):
            self._found.append((speaker, row, raw, root))

    def _names_elsewhere(self, speaker: Speaker, pid: int, mounts: Mounts, named: tuple[int, bytes, str]) -> bool:
        """Find out what the image calls that which `pid` names, where its mounts show the image's files elsewhere.

        Return whether that is known.
        """
        try:
            seen = mounts.names(pid)
        except OSError:
            # Killed while it was stopped.
            return False
        if not seen.differ:
            return False
        row, raw, root = named
        if not self._is_new(((seen, row, root), speaker.argv0, raw)):
            return True
        found = list(lookup(pid, os.fsdecode(raw), root, seen))
        top = seen.in_image(root) or "/"
        self._found += [(speaker, READLINK if is_link else row, os.fsencode(path), top) for path, is_link in found]
        return bool(found) and not found[-1][1]

    def _special(self, pid: int, name: str, fields: tuple[int, ...]) -> None:
        if name in ROOT_CALLS:
            self._rooted = True
        if name in MOUNT_CALLS:
            self._mounted = True
        if name == "ptrace" and fields[ARGUMENTS] in (0, binding.PTRACE_ATTACH, PTRACE_SEIZE):  # 0 is PTRACE_TRACEME
            self._channel.say("ptrace", self._number(pid, self._speaker(pid)))

    def arrives(self, pid: int) -> None:
        """Note which program a process from outside runs, by the name that it was asked for with."""
        with contextlib.suppress(OSError):
            raw = executed_as(pid, syscall_info(pid)[ARCH])
            if raw:
                self._names(pid, EXECVE, raw, None)

    # -- what is done while the tracee runs on ------------------------------------------------------------------------

    def tell(self, pid: int) -> None:
        """Say what the last stop has shown, if it is new."""
        for speaker, row, raw, root in self._found:
            if self._is_new((row, speaker.argv0, raw)):
                self._channel.say("access", self._number(pid, speaker), row, os.fsdecode(raw), root)
        self._found.clear()

    def executed(self, pid: int, *, filtered: bool) -> None:
        """Note which program `pid` runs now, and whether no_new_privs, if `filtered`, took rights from it.

        Its next exec waits for us, so the program is still the one that the stop told of.
        """
        speaker = self._speaker(pid)
        if not filtered:
            return
        try:
            gained = self._rights.gained(pid)
        except OSError:
            # It ended at once, and nobody can tell any more.
            self.lost += 1
            return
        if gained:
            self._channel.say("rights", self._number(pid, speaker), os.readlink(f"/proc/{pid}/exe"))

    def has(self, pid: int) -> None:
        """Say which files a process has that ran before it was followed."""
        speaker = self._speaker(pid)
        for kind, path in self._held(pid):
            if self._is_new((kind, speaker.argv0, path)):
                self._channel.say("has", self._number(pid, speaker), kind, os.fsdecode(path))

    def _held(self, pid: int) -> Iterator[tuple[AccessKind, bytes]]:
        """Yield what `holdings` does, by the image's names."""
        held = list(holdings(pid))
        with contextlib.suppress(OSError):
            seen = self._mounts.names(pid) if self._mounts else None
            if seen and seen.differ:
                held = [(kind, os.fsencode(seen.in_image(os.fsdecode(path)) or path)) for kind, path in held]
        yield from held

    def tell_counts(self, stops: int) -> None:
        if self.told != self.events:
            self.told = self.events
            self._channel.say("counts", self.events, self.lost, stops)
            self._channel.flush()

    # -- who is who ---------------------------------------------------------------------------------------------------

    def stands_in(self, pid: int, *, mounted: bool) -> None:
        """Take the root of `pid` for the image's; `mounted` tells whether anything may have been mounted since."""
        self._mounted |= mounted
        if self._mounts is None:
            with contextlib.suppress(OSError):
                self._mounts = Mounts(pid)

    def introduce(self, pid: int, name: str) -> None:
        """Have `pid` known by `name` until its next exec."""
        self._process[pid] = Speaker(name)

    def inherits(self, child: int, parent: int) -> None:
        """Let a child have its parent's name until it execs: cheaper than to ask /proc."""
        speaker = self._process.get(parent)
        if speaker is not None:
            self._process.setdefault(child, Speaker(speaker.argv0))

    def forget(self, pid: int) -> None:
        """`pid` has ended, or begins anew by an exec."""
        self._process.pop(pid, None)

    def _speaker(self, pid: int) -> Speaker:
        """Return who `pid` is, asking /proc if it does something for the first time since its exec."""
        speaker = self._process.get(pid)
        if speaker is None:
            if len(self._process) > MAX_SEEN:
                self._process.clear()
            speaker = self._process[pid] = Speaker(argv0(pid))
        return speaker

    def _number(self, pid: int, speaker: Speaker) -> int:
        """Return the number of a process in the messages, introducing it first if need be."""
        if not speaker.number:
            self._count += 1
            speaker.number = self._count
            self._channel.say("process", self._count, pid, speaker.argv0)
        return speaker.number

    def _is_new(self, key: tuple[object, str, bytes]) -> bool:
        if key in self._seen:
            return False
        if len(self._seen) >= MAX_SEEN:
            self._seen.clear()
        self._seen.add(key)
        return True
