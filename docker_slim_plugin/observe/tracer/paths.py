"""The path that a stopped tracee names: read from its memory, and made absolute with /proc."""

from __future__ import annotations

import os
import struct
import sys

from docker_slim_plugin.model.observation import AccessKind
from docker_slim_plugin.observe.tracer.memory import peek, read_string
from docker_slim_plugin.observe.tracer.ptrace_stops import ARCH, ARGUMENTS, NR
from docker_slim_plugin.observe.tracer.syscall_table import SOCKETCALL, SYS_BIND, SYS_CONNECT

AF_UNIX, SOCKADDR_UN = 1, 110
AT_FDCWD = 0xFFFFFF9C
"""-100, as the low 32 bits of a register hold it."""
AT_EXECFN = 31
AUDIT_ARCH_64BIT = 0x80000000
DELETED = b" (deleted)"
_SOCKETCALL = struct.Struct("III")
"""The arguments of bind(2) and connect(2): descriptor, struct sockaddr *, length."""


def path_argument(pid: int, kind: AccessKind, address: int, fields: tuple[int, ...]) -> bytes:
    """Return the path that an argument of a system call points to; b"" when it points to none."""
    if (fields[ARCH], fields[NR]) == SOCKETCALL:
        return _socketcall_path(pid, fields[ARGUMENTS], address)
    if kind is AccessKind.CONNECT:
        return socket_path(pid, address, fields[ARGUMENTS + 2])
    return read_string(pid, address)


def _socketcall_path(pid: int, call: int, arguments: int) -> bytes:
    """Return the path of a socketcall(2), whose arguments are in memory; b"" for calls that name no path."""
    if call not in (SYS_BIND, SYS_CONNECT):
        return b""
    data = peek(pid, arguments, _SOCKETCALL.size)
    if len(data) < _SOCKETCALL.size:
        return b""
    _, address, length = _SOCKETCALL.unpack(data)
    return socket_path(pid, address, length)


def socket_path(pid: int, address: int, length: int) -> bytes:
    """Return the path in a struct sockaddr_un (unix(7)); b"" for other families and abstract names."""
    data = peek(pid, address, min(length & 0xFFFFFFFF, SOCKADDR_UN))
    if len(data) < 3 or int.from_bytes(data[:2], sys.byteorder) != AF_UNIX:
        return b""
    return data[2:].split(b"\0", 1)[0]


def absolute_path(pid: int, raw: bytes, directory: int | None, *, chrooted: bool) -> tuple[bytes, str]:
    """Return the path from the container's root, and the root of the process ("/" unless `chrooted`).

    `directory` is the descriptor that a relative path starts from, None is the working directory. OSError when that
    descriptor is not open.
    """
    root = os.readlink(f"/proc/{pid}/root") if chrooted else "/"
    if not raw.startswith(b"/"):
        return _base_directory(pid, directory) + b"/" + raw, root
    return (raw if root == "/" else os.fsencode(root) + raw), root


def _base_directory(pid: int, directory: int | None) -> bytes:
    low = AT_FDCWD if directory is None else directory & 0xFFFFFFFF
    where = f"/proc/{pid}/cwd" if low == AT_FDCWD else f"/proc/{pid}/fd/{low}"
    return os.readlink(os.fsencode(where)).removesuffix(DELETED)


def exec_filename(pid: int, arch: int) -> bytes:
    """Return the path that `pid` passed to execve(2) for its current program. See AT_EXECFN in getauxval(3)."""
    with open(f"/proc/{pid}/auxv", "rb") as file:
        data = file.read(4096)
    pair = struct.Struct("QQ" if arch & AUDIT_ARCH_64BIT else "II")
    for kind, value in pair.iter_unpack(data[: len(data) // pair.size * pair.size]):
        if kind == AT_EXECFN:
            return read_string(pid, value)
    return b""
