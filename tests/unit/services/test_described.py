"""Exchanges of our catalogue with services that no test image has: a socket answers as their documentation says.

The bytes are made from the descriptions of the protocols. They were not recorded from servers.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from docker_slim_plugin.observe.probes.exchange import exchange, read_banner
from docker_slim_plugin.services.catalogue import read_catalogues

SERVICES = {one.name: one for one in read_catalogues()}
HTTP2_SETTINGS = "0000060400000000000005 00004000 000000040100000000"
DESCRIBED = {
    # OP_REPLY to request 1: flags, cursor, one document {ismaster: true}.
    "mongo": ["35000000 2c000000 01000000 01000000 08000000 0000000000000000 00000000 01000000 11000000 0869736d617374657200 0100"],
    # ApiVersions: correlation 1, no error, two APIs.
    "kafka": ["00000016 00000001 0000 00000002 000000000009 00120000 0003"],
    # SUPPORTED: CQL_VERSION 3.4.5.
    "cassandra": ["8400000006 0000001b 0001 000b 43514c5f56455253494f4e 0001 0007 332e342e352e30"],
    # Bolt 5.4.
    "neo4j": ["00000405"],
    # SETTINGS, its acknowledgement, and the status 12 in HEADERS, which end the stream.
    "grpc": [HTTP2_SETTINGS + "00000e010500000001 885f 0b 6170706c69636174 696f6e"],
    # ServerHello of TLS 1.2, its beginning.
    "tls": ["160303003d 02 000039 0303 5f0b"],
}


@contextmanager
def answering(answer: bytes, *, first: bool = False) -> Iterator[tuple[str, int]]:
    """Yield the address of a server that sends these bytes to each client: at once, or when it has heard something."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = server.accept()
                    with client, suppress(OSError):
                        client.settimeout(5)
                        if first or client.recv(4096):
                            client.sendall(answer)
                            client.recv(4096)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("name", DESCRIBED)
def test_described_answers(name: str) -> None:
    for one, described in zip(SERVICES[name].exchanges, DESCRIBED[name], strict=True):
        with answering(bytes.fromhex(described)) as place:
            answer = exchange(lambda seconds, place=place: socket.create_connection(place, seconds), one)
        assert (answer.problem, answer.matched is None) == ("", False)
        with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as place:
            assert exchange(lambda seconds, place=place: socket.create_connection(place, seconds), one, 0.2).matched is None


@pytest.mark.parametrize("name", ["grpc", "tls"])
def test_described_answers_to_hellos(name: str) -> None:
    service = SERVICES[name]
    assert service.hello
    assert service.banner is not None
    with answering(bytes.fromhex(DESCRIBED[name][0])) as place:
        assert service.banner.search(read_banner(lambda seconds: socket.create_connection(place, seconds), service.hello))
