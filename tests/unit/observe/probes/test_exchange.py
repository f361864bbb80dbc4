"""Exchanges with real sockets: polite services, and others."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from docker_slim_plugin.model.service import Exchange
from docker_slim_plugin.observe.probes.exchange import MAX_ANSWER, exchange, read_banner

Talk = Callable[[socket.socket], None]


@contextmanager
def serving(talk: Talk) -> Iterator[Callable[[float], socket.socket]]:
    """Yield a function that connects to a server which talks to each client once."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                while True:
                    client, _ = server.accept()
                    with client:
                        client.settimeout(5)
                        talk(client)
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield lambda seconds: socket.create_connection(server.getsockname(), seconds)
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def asked(talk: Talk, send: str, expect: str, seconds: float = 1.0) -> tuple[bytes | None, str]:
    with serving(talk) as connect:
        answer = exchange(connect, Exchange(send=send.encode("latin-1"), expect=re.compile(expect.encode("latin-1"), re.DOTALL), udp=False), seconds)
        return answer.matched, answer.problem


def lines(client: socket.socket) -> None:
    """Greet, and answer each line with its number."""
    client.sendall(b"220 hello\r\n")
    number = 0
    with client.makefile("rb") as stream:
        for line in stream:
            number += 1
            client.sendall(b"%d %s" % (number, line))


def test_a_polite_service() -> None:
    assert asked(lines, "A\r\nB\r\n", r"^220.*\n1 A\r\n2 B") == (b"220 hello\r\n1 A\r\n2 B", "")
    assert asked(lambda client: client.sendall(b"\x01\x02"), "", r"^\x01") == (b"\x01", "")
    assert asked(lambda client: client.sendall(client.recv(9)[::-1]), "\x00\xff", r"^\xff\x00") == (b"\xff\x00", "")


def test_answers_in_parts() -> None:
    def slow(client: socket.socket) -> None:
        for byte in b"hello":
            client.sendall(bytes([byte]))
            time.sleep(0.02)

    assert asked(slow, "x", "hello")[0] == b"hello"


@pytest.mark.parametrize(
    ("talk", "problem"),
    [
        pytest.param(lambda client: client.sendall(b"no"), "another answer", id="another protocol"),
        pytest.param(lambda _: None, "no answer", id="closed at once"),
        pytest.param(lambda _: time.sleep(0.5), "no answer", id="silent"),
        pytest.param(lambda client: [client.sendall(b"x" * 4096) for _ in range(100)], "another answer", id="endless"),
    ],
)
def test_other_services(talk: Talk, problem: str) -> None:
    begun = time.monotonic()
    matched, why = asked(talk, "PING\n", "^PONG", 0.3)
    assert matched is None
    assert why == problem or "reset" in why or "pipe" in why
    assert time.monotonic() - begun < 3


def test_nobody_listens() -> None:
    def refuse(seconds: float) -> socket.socket:
        raise ConnectionRefusedError(111, "Connection refused")

    one = Exchange(send=b"x", expect=re.compile(b"x"), udp=False)
    assert exchange(refuse, one).problem == "connection refused"
    assert read_banner(refuse) == b""


def test_banners() -> None:
    with serving(lines) as connect:
        assert read_banner(connect) == b"220 hello\r\n"
    with serving(lambda _: time.sleep(1.5)) as connect:
        assert read_banner(connect) == b""

    def endless(client: socket.socket) -> None:
        while True:
            client.sendall(b"x" * 4096)

    with serving(endless) as connect:
        assert len(read_banner(connect)) <= MAX_ANSWER
