"""The recorder of path accesses: reads them from ptrace stops, and sends each distinct one once over the channel."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator

from ptrace.binding import func as binding

from docker_slim_plugin.model.observation import AccessKind
from docker_slim_plugin.observe.mount_names import MountNamespaces, lookup
from docker_slim_plugin.observe.tracer.channel import Channel
from docker_slim_plugin.observe.tracer.existing_processes import existing_files
from docker_slim_plugin.observe.tracer.paths import absolute_path, exec_filename, path_argument
from docker_slim_plugin.observe.tracer.privilege_gain import PrivilegeGain
from docker_slim_plugin.observe.tracer.process_table import ProcessTable, TracedProcess
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
    Syscall,
    numbers,
)
from docker_slim_plugin.observe.tracer.uses import changes_of, use_of

MAX_SEEN = 200_000
"""Number of distinct accesses to remember, so that each is sent once. Then the set is cleared to bound memory, and
accesses may be sent again.
"""


class PathRecorder:
    """Records the paths that traced processes name, and sends them with the process that named them."""

    def __init__(self, channel: Channel, machine: str, *, uses: bool = False) -> None:
        self._channel = channel
        self._uses = uses
        """Whether what the app uses beside files is recorded, and what it changes."""
        self.outside: set[int] = set()
        """Processes that came into the container later (docker exec), and their descendants."""
        self._rows = numbers(machine) | {SOCKETCALL: CONNECT}
        self._privilege_gain = PrivilegeGain()
        self.processes = ProcessTable(channel)
        self._seen: set[tuple[object, str, bytes]] = set()
        self._pending: list[tuple[TracedProcess, int, bytes, str]] = []
        """Accesses of the current stop that have not been sent: process, row, path, root."""
        self._pending_uses: list[tuple[str, object, object]] = []
        """Uses and changes of the current stop that have not been sent: the message, by its words."""
        self._may_be_chrooted = False
        """Whether any process may have a root other than the container's."""
        self._mounts: MountNamespaces | None = None
        self._may_have_mounts = False
        """Whether any process may see the image's files by other names."""
        self.events = self.lost = self.sent_events = 0

    # -- while the tracee is stopped --------------------------------------------------------------------------------

    def record_syscall_enter(self, pid: int) -> AccessKind | None:
        """Record the paths of the system call that `pid` is about to make; return its kind, None if it has no path."""
        fields = syscall_info(pid)
        if fields[OP] == PTRACE_SYSCALL_INFO_EXIT:
            return None
        # The row is found by number and not by the filter's return data: the app may have a filter of its own.
        row = self._rows.get((fields[ARCH], fields[NR] & ~X32_BIT))
        if row is None:
            return None
        self.events += 1
        call = SYSCALLS[row]
        for path_position in call.paths:
            address = fields[ARGUMENTS + path_position.position]
            try:
                path = path_argument(pid, call.kind, address, fields) if address else b""
            except OSError as error:
                # EFAULT: the system call fails with it as well. ESRCH: the tracee was killed meanwhile.
                self.lost += error.errno not in (errno.EFAULT, errno.ESRCH)
                continue
            if path:
                self._record_path(
                    pid,
                    row,
                    path,
                    None if path_position.directory is None else fields[ARGUMENTS + path_position.directory],
                )
        if not call.paths or call.name in ROOT_CALLS or call.name in MOUNT_CALLS:
            self._record_special(pid, call.name, fields)
        if self._uses and pid not in self.outside:
            self._record_use(pid, call, fields)
        return call.kind

    def _record_use(self, pid: int, call: Syscall, fields: tuple[int, ...]) -> None:
        if use := use_of(pid, call, fields):
            self._pending_uses.append(("use", *use))
        if changed := changes_of(pid, call, fields):
            self._pending_uses += [(changed, os.fsdecode(path), root) for _, _, path, root in self._pending]

    def _record_path(self, pid: int, row: int, path: bytes, directory: int | None) -> None:
        """Record `path` as `pid` names it, relative to `directory` (a descriptor, or None for its cwd)."""
        root = "/"
        if self._may_be_chrooted or not path.startswith(b"/"):
            try:
                path, root = absolute_path(pid, path, directory, chrooted=self._may_be_chrooted)
            except OSError:
                # The descriptor is not open: the call fails with EBADF, and names no file.
                return
        process = self.processes.of(pid)
        if not (
            self._may_have_mounts
            and self._mounts
            and self._record_by_image_name(process, pid, self._mounts, (row, path, root))
        ):
            self._pending.append((process, row, path, root))

    def _record_by_image_name(
        self, process: TracedProcess, pid: int, mounts: MountNamespaces, named: tuple[int, bytes, str]
    ) -> bool:
        """Record `named` by its name in the image, where mounts of `pid` show files of the image at other paths.

        Return whether the name in the image is known.
        """
        try:
            view = mounts.view(pid)
        except OSError:
            # The tracee was killed while it was stopped.
            return False
        if not view.has_other_names:
            return False
        row, path, root = named
        if not self._is_new(((view, row, root), process.argv0, path)):
            return True
        found = list(lookup(pid, os.fsdecode(path), root, view))
        top = view.image_path(root) or "/"
        self._pending += [(process, READLINK if is_link else row, os.fsencode(path), top) for path, is_link in found]
        return bool(found) and not found[-1][1]

    def _record_special(self, pid: int, name: str, fields: tuple[int, ...]) -> None:
        if name in ROOT_CALLS:
            self._may_be_chrooted = True
        if name in MOUNT_CALLS:
            self._may_have_mounts = True
        if name == "ptrace" and fields[ARGUMENTS] in (0, binding.PTRACE_ATTACH, PTRACE_SEIZE):  # 0 is PTRACE_TRACEME
            self._channel.send("ptrace", self.processes.number(self.processes.of(pid)))

    def record_exec_filename(self, pid: int) -> None:
        """Record the program that a process from outside executes, by the path that was given to execve(2)."""
        with contextlib.suppress(OSError):
            path = exec_filename(pid, syscall_info(pid)[ARCH])
            if path:
                self._record_path(pid, EXECVE, path, None)

    # -- while the tracee runs --------------------------------------------------------------------------------------

    def send_accesses(self) -> None:
        """Send the new accesses of the last stop."""
        now = round(time.monotonic(), 3)
        for process, row, path, root in self._pending:
            if self._is_new((row, process.argv0, path)):
                self._channel.send("access", self.processes.number(process), row, os.fsdecode(path), root, now)
        self._pending.clear()
        for kind, what, more in self._pending_uses:
            if self._is_new(("use", repr((kind, what)), repr(more).encode())):
                self._channel.send(kind, what, more)
        self._pending_uses.clear()

    def record_exec(self, pid: int, *, filtered: bool) -> None:
        """Record that `pid` executes a program; send a message when no_new_privs kept it from gaining privileges.

        `filtered` tells whether no_new_privs is set. The next exec stops `pid` again, so /proc still describes the
        program of this stop.
        """
        process = self.processes.of(pid)
        if not filtered:
            return
        try:
            would_gain = self._privilege_gain.would_gain(pid)
        except OSError:
            # The process ended at once, so this cannot be determined any more.
            self.lost += 1
            return
        if would_gain:
            self._channel.send("privilege-gain", self.processes.number(process), os.readlink(f"/proc/{pid}/exe"))

    def record_existing_files(self, pid: int) -> None:
        """Send the files that a process had open before it was traced."""
        process = self.processes.of(pid)
        for kind, path in self._existing_files(pid):
            if self._is_new((kind, process.argv0, path)):
                self._channel.send("existing", self.processes.number(process), kind, os.fsdecode(path))

    def _existing_files(self, pid: int) -> Iterator[tuple[AccessKind, bytes]]:
        """Yield the result of `existing_files` by names in the image."""
        files = list(existing_files(pid))
        with contextlib.suppress(OSError):
            view = self._mounts.view(pid) if self._mounts else None
            if view and view.has_other_names:
                files = [(kind, os.fsencode(view.image_path(os.fsdecode(path)) or path)) for kind, path in files]
        yield from files

    def send_counts(self, stops: int) -> None:
        if self.sent_events != self.events:
            self.sent_events = self.events
            self._channel.send("counts", self.events, self.lost, stops)
            self._channel.flush()

    # -- processes ----------------------------------------------------------------------------------------------------

    def set_image_root(self, pid: int, *, mounted: bool) -> None:
        """Use the root of `pid` as the image's root; `mounted` tells whether anything may have been mounted there."""
        self._may_have_mounts |= mounted
        if self._mounts is None:
            with contextlib.suppress(OSError):
                self._mounts = MountNamespaces(pid)

    def add_child(self, child: int, parent: int, *, thread: bool) -> None:
        """Record a new process or thread; it is from outside if its parent is."""
        if parent in self.outside:
            self.outside.add(child)
        self.processes.add_child(child, parent, thread=thread)

    def number(self, pid: int) -> tuple[str, int]:
        """Return argv[0] of `pid`, and its number in the messages."""
        process = self.processes.of(pid)
        return process.argv0, self.processes.number(process)

    def _is_new(self, key: tuple[object, str, bytes]) -> bool:
        if key in self._seen:
            return False
        if len(self._seen) >= MAX_SEEN:
            self._seen.clear()
        self._seen.add(key)
        return True
