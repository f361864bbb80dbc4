"""What a system call uses beside the files that it names: a port, a kind of socket, IPC; and whether it changes a file.

Read while the tracee is stopped at the begin of the call, so a use is an attempt: the call may fail.
"""

from __future__ import annotations

import contextlib
import socket
import struct

from docker_slim_plugin.model.observation import AccessKind
from docker_slim_plugin.observe.tracer.call_arguments import OPEN_FLAGS, WRITING
from docker_slim_plugin.observe.tracer.memory import peek
from docker_slim_plugin.observe.tracer.paths import AF_UNIX, SOCKADDR_UN
from docker_slim_plugin.observe.tracer.ptrace_stops import ARGUMENTS
from docker_slim_plugin.observe.tracer.sockets import copied_socket
from docker_slim_plugin.observe.tracer.syscall_table import MOUNT_CALLS, USED, Syscall

SOCK_TYPE_MASK = 0xF
CHANGES = {
    **dict.fromkeys(("mkdir", "mkdirat", "mknod", "mknodat", "link", "linkat", "symlink", "symlinkat", "bind"), "make"),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), "remove"),
    **dict.fromkeys(("rename", "renameat", "renameat2"), "rename"),
    **dict.fromkeys(("creat", "truncate", "truncate64"), "file"),
}
"""What a call does to the names or the content of files."""


def use_of(pid: int, call: Syscall, fields: tuple[int, ...]) -> tuple[str, tuple[int, ...]] | None:
    """Return the name of a use and its values, or None.

    socket: domain, type, protocol. bind and connect: family, port, type, protocol; for AF_UNIX 1 if the name is
    abstract.
    """
    arguments = fields[ARGUMENTS : ARGUMENTS + 6]
    if call.name == "socket":
        domain, kind, protocol = (value & 0xFFFFFFFF for value in arguments[:3])
        return call.name, (domain, kind & SOCK_TYPE_MASK, protocol)
    if call.name in ("bind", "connect"):
        values = _address(pid, arguments[0], arguments[1], arguments[2])
        return None if values is None else (call.name, values)
    if call.name in USED or call.name in MOUNT_CALLS:
        return call.name, ()
    return None


def _address(pid: int, descriptor: int, address: int, length: int) -> tuple[int, ...] | None:
    try:
        data = peek(pid, address, min(length & 0xFFFFFFFF, SOCKADDR_UN))
    except OSError:
        return None
    if len(data) < 3:
        return None
    family = struct.unpack_from("=H", data)[0]
    if family == AF_UNIX:
        return family, int(data[2] == 0)
    if family not in (socket.AF_INET, socket.AF_INET6):
        return None
    return family, struct.unpack_from("!H", data, 2)[0], *_kind(pid, descriptor)


def _kind(pid: int, descriptor: int) -> tuple[int, int]:
    """Return type and protocol of a tracee's socket; (0, 0) when they cannot be read."""
    with contextlib.suppress(OSError, StopIteration), copied_socket(pid, descriptor) as found:
        return found.type & SOCK_TYPE_MASK, found.proto
    return 0, 0


def changes_of(pid: int, call: Syscall, fields: tuple[int, ...]) -> str:
    """Return what a call does to the files that it names: make, remove or rename them, change one (file), or ""."""
    if call.name in CHANGES or call.kind is not AccessKind.OPEN:
        return CHANGES.get(call.name, "")
    flags = 0
    if call.name in OPEN_FLAGS:
        with contextlib.suppress(OSError):
            flags = OPEN_FLAGS[call.name](pid, fields[ARGUMENTS : ARGUMENTS + 6])
    return "file" if flags & WRITING else ""
