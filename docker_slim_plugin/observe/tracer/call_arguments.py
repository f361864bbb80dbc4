"""Which arguments of system calls matter for a profile, and how each is read from a stopped tracee.

- socket: domain, type, protocol.
- bind, listen: type of the socket, family, host, port; for AF_UNIX the host is a path, or "@" and an abstract name.
- connect, sendto, sendmsg, sendmmsg: the same of the address that the call names; nothing without one.
- ioctl: request, path of the descriptor (devices only).
- shmget: size in bytes. ftruncate, fallocate: path of the descriptor, size (shared memory only).
- mq_open: name of the queue.
- kill and the like: self, group, all, or other; number of the signal.
- mount: type of the file system, target.
- clone, unshare, setns: CLONE_NEW... flags, in hexadecimal; nothing if there are none.
- prctl: option.
- calls that write to a path: the path (both for a rename), if the call succeeded.
- calls that name a path and were refused: the path.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable, Mapping

from docker_slim_plugin.observe.tracer.memory import peek, read_string
from docker_slim_plugin.observe.tracer.sockets import (
    Address,
    describe_socket,
    family_name,
    read_address,
    type_name,
)

Words = tuple[str, ...]
Read = Callable[[int, tuple[int, ...]], Words]
"""Takes the pid of a stopped tracee and the six arguments. OSError: they cannot be read."""
MAX_WORD = 4096
NEW_NAMESPACES = 0x7E020080
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWTIME (linux/sched.h)."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_SHARED = "/dev/shm/"  # noqa: S108 (a path in the container)


def _signed(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def descriptor_path(pid: int, descriptor: int) -> str:
    """Return what /proc says of a descriptor of a tracee."""
    return os.readlink(f"/proc/{pid}/fd/{descriptor & 0xFFFFFFFF}")


def _socket(_: int, given: tuple[int, ...]) -> Words:
    return family_name(_signed(given[0])), type_name(given[1]), str(_signed(given[2]))


def _of_descriptor(pid: int, descriptor: int, named: Address | None = None) -> Words:
    """Return the type of a socket and an address: the one that the call names, or else its own."""
    if named and not named.family:
        return ()
    try:
        kind, own = describe_socket(pid, descriptor)
    except OSError:
        kind, own = "", Address("", "", "")
    found = named or own
    return (kind, *found)


def _bind(pid: int, given: tuple[int, ...]) -> Words:
    named = read_address(pid, given[1], given[2])
    # The port of an address with port 0 is known afterwards only.
    return _of_descriptor(pid, given[0], None if named.port else named)


def _connect(pid: int, given: tuple[int, ...]) -> Words:
    return _of_descriptor(pid, given[0], read_address(pid, given[1], given[2]))


def _sendto(pid: int, given: tuple[int, ...]) -> Words:
    return _of_descriptor(pid, given[0], read_address(pid, given[4], given[5]))


def _sendmsg(pid: int, given: tuple[int, ...]) -> Words:
    # The first fields of struct msghdr, and so of struct mmsghdr: msg_name, msg_namelen.
    head = peek(pid, given[1], 12) if given[1] else b""
    if len(head) < 12:
        return ()
    name, length = struct.unpack("<QI" if sys.byteorder == "little" else ">QI", head)
    return _of_descriptor(pid, given[0], read_address(pid, name, length))


def _listen(pid: int, given: tuple[int, ...]) -> Words:
    return _of_descriptor(pid, given[0])


def _ioctl(pid: int, given: tuple[int, ...]) -> Words:
    path = descriptor_path(pid, given[0])
    return (f"0x{given[1] & 0xFFFFFFFF:x}", path) if path.startswith("/dev/") else ()


def _mq_open(pid: int, given: tuple[int, ...]) -> Words:
    return (os.fsdecode(read_string(pid, given[0]))[:MAX_WORD],)


def _target(pid: int, target: int, number: int) -> Words:
    if target > 0:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace", newline="\n") as lines:
            own = {line.split()[-1] for line in lines if line.startswith(("NStgid:", "NSpid:"))}
        kind = "self" if str(target) in own else "other"
    else:
        kind = {0: "group", -1: "all"}.get(target, "group")
    return kind, str(_signed(number))


def _kill(pid: int, given: tuple[int, ...]) -> Words:
    return _target(pid, _signed(given[0]), given[1])


def _tgkill(pid: int, given: tuple[int, ...]) -> Words:
    return _target(pid, _signed(given[0]), given[2])


def _mount(pid: int, given: tuple[int, ...]) -> Words:
    kind = read_string(pid, given[2]) if given[2] else b""
    return os.fsdecode(kind)[:MAX_WORD], os.fsdecode(read_string(pid, given[1]))[:MAX_WORD]


def _flags(position: int) -> Read:
    def read(_: int, given: tuple[int, ...]) -> Words:
        found = given[position] & NEW_NAMESPACES
        return (f"0x{found:x}",) if found else ()

    return read


def _clone3(pid: int, given: tuple[int, ...]) -> Words:
    found = int.from_bytes(peek(pid, given[0], 8), sys.byteorder) & NEW_NAMESPACES
    return (f"0x{found:x}",) if found else ()


def _grow(size: int) -> Read:
    def read(pid: int, given: tuple[int, ...]) -> Words:
        path = descriptor_path(pid, given[0])
        return (path, str(given[size])) if path.startswith(_SHARED) else ()

    return read


ON_ENTER: Mapping[str, Read] = {
    "socket": _socket,
    "socketpair": _socket,
    "connect": _connect,
    "sendto": _sendto,
    "sendmsg": _sendmsg,
    "sendmmsg": _sendmsg,
    "ioctl": _ioctl,
    "shmget": lambda _, given: (str(given[1]),),
    "mq_open": _mq_open,
    "kill": _kill,
    "tkill": _kill,
    "tgkill": _tgkill,
    "rt_sigqueueinfo": _kill,
    "mount": _mount,
    "clone": _flags(0),
    "clone3": _clone3,
    "unshare": _flags(0),
    "setns": _flags(1),
    "prctl": lambda _, given: (str(_signed(given[0])),),
}
"""Read before the call, whatever becomes of it."""
ON_SUCCESS: Mapping[str, Read] = {
    "bind": _bind,
    "listen": _listen,
    "ftruncate": _grow(1),
    "fallocate": _grow(3),
}
"""Read after the call, if it succeeded."""
OPEN_FLAGS: Mapping[str, Callable[[int, tuple[int, ...]], int]] = {
    "open": lambda _, given: given[1],
    "openat": lambda _, given: given[2],
    "openat2": lambda pid, given: int.from_bytes(peek(pid, given[2], 8), sys.byteorder),
    "creat": lambda _, __: WRITING,
}
"""The flags of calls that open a file: it is written if one of WRITING is set."""
