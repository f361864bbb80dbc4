"""Socket addresses as text."""

from __future__ import annotations

import socket
import struct

import pytest

from docker_slim_plugin.observe.tracer.sockets import Address, family_name, parse_address, type_name


def inet(port: int, host: str) -> bytes:
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (inet(80, "10.1.2.3"), Address("inet", "10.1.2.3", "80")),
        (struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", 443, 0) + bytes(15) + b"\x01" + bytes(4), Address("inet6", "::1", "443")),
        (struct.pack("=H", socket.AF_UNIX) + b"/run/x\0junk", Address("unix", "/run/x", "")),
        (struct.pack("=H", socket.AF_UNIX) + b"\0name", Address("unix", "@name", "")),
        (struct.pack("=H", socket.AF_UNIX), Address("unix", "", "")),
        (struct.pack("=H", 40) + bytes(14), Address("40", "", "")),
        (inet(80, "10.1.2.3")[:6], Address("inet", "", "")),
        (b"\x02", Address("", "", "")),
        (b"", Address("", "", "")),
    ],
)
def test_parse_address(data: bytes, expected: Address) -> None:
    assert parse_address(data) == expected


def test_names() -> None:
    assert [family_name(number) for number in (1, 2, 10, 16, 17)] == ["unix", "inet", "inet6", "netlink", "17"]
    assert type_name(socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) == "stream"
    assert type_name(10) == "10"
