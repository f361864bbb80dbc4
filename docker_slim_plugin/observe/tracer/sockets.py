"""What a socket of a stopped tracee is, and the addresses that it names."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from docker_slim_plugin.kernel.syscalls import pidfd_getfd
from docker_slim_plugin.observe.tracer.memory import peek

MAX_ADDRESS = 128
"""sizeof(struct sockaddr_storage)."""
_FAMILIES: Mapping[int, str] = {
    socket.AF_UNIX: "unix",
    socket.AF_INET: "inet",
    socket.AF_INET6: "inet6",
    socket.AF_NETLINK: "netlink",
}
_TYPES: Mapping[int, str] = {
    socket.SOCK_STREAM: "stream",
    socket.SOCK_DGRAM: "dgram",
    socket.SOCK_RAW: "raw",
    socket.SOCK_SEQPACKET: "seqpacket",
}


class Address(NamedTuple):
    """A socket address as text."""

    family: str
    host: str
    """An IP address; for AF_UNIX a path, or "@" and an abstract name."""
    port: str


def family_name(number: int) -> str:
    """Return unix, inet, inet6 or netlink, and the number as text for another family."""
    return _FAMILIES.get(number, str(number))


def type_name(number: int) -> str:
    """Return stream, dgram, raw or seqpacket, without SOCK_CLOEXEC and SOCK_NONBLOCK."""
    return _TYPES.get(number & 0xF, str(number & 0xF))


def parse_address(data: bytes) -> Address:
    """Return a struct sockaddr as text; other families have no host and no port."""
    if len(data) < 2:
        return Address("", "", "")
    number = int.from_bytes(data[:2], sys.byteorder)
    name = family_name(number)
    if number == socket.AF_INET and len(data) >= 8:
        return Address(name, str(ipaddress.IPv4Address(data[4:8])), str(struct.unpack("!H", data[2:4])[0]))
    if number == socket.AF_INET6 and len(data) >= 24:
        return Address(name, str(ipaddress.IPv6Address(data[8:24])), str(struct.unpack("!H", data[2:4])[0]))
    if number == socket.AF_UNIX and len(data) > 2:
        text = data[2:]
        host = "@" + os.fsdecode(text[1:]) if text.startswith(b"\0") else os.fsdecode(text.split(b"\0", 1)[0])
        return Address(name, host, "")
    return Address(name, "", "")


def read_address(pid: int, address: int, length: int) -> Address:
    """Return the struct sockaddr at `address` in the memory of a tracee."""
    size = min(length & 0xFFFFFFFF, MAX_ADDRESS)
    return parse_address(peek(pid, address, size)) if address and size else Address("", "", "")


@contextmanager
def copied_socket(pid: int, descriptor: int) -> Iterator[socket.socket]:
    """Yield a duplicate of a tracee's socket; OSError when it is none. Nothing of the tracee's changes."""
    process = os.pidfd_open(_thread_group(pid))
    try:
        own = pidfd_getfd(process, descriptor & 0xFFFFFFFF)
    finally:
        os.close(process)
    with socket.socket(fileno=own) as copy:
        yield copy


def describe_socket(pid: int, descriptor: int) -> tuple[str, Address]:
    """Return the type of a tracee's socket, and the address that it is bound to; OSError when it is none."""
    with copied_socket(pid, descriptor) as copy:
        kind = type_name(copy.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE))
        family = copy.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN)
        if family not in (socket.AF_INET, socket.AF_INET6):
            return kind, Address(family_name(family), "", "")
        host, port = copy.getsockname()[:2]
        return kind, Address(family_name(family), str(host), str(port))


def _thread_group(tid: int) -> int:
    """Return the process of a thread: pidfd_open(2) takes no other thread before Linux 6.9."""
    with open(f"/proc/{tid}/status", encoding="utf-8", errors="replace", newline="\n") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Tgid:"))
