"""Exchange messages by AMQP 0.9.1. usage: amqp.py ADDRESS USER PASSWORD QUEUE [TEXT...]   publish the texts; without texts: get all"""

from __future__ import annotations

import socket
import struct
import sys


class Link:
    """A connection with one channel."""

    def __init__(self, address: str, user: str, password: str, host: str = "/") -> None:
        self.socket = socket.create_connection((address, 5672), 10)
        self.file = self.socket.makefile("rb")
        self.socket.sendall(b"AMQP\0\0\x09\x01")
        self.wait(10, 10)
        self.send(0, 10, 11, bytes(4) + short("PLAIN") + long(f"\0{user}\0{password}".encode()) + short("en_US"))
        tune = self.wait(10, 30)
        self.send(0, 10, 31, tune[:8])
        self.send(0, 10, 40, short(host) + b"\0\0")
        self.wait(10, 41)
        self.send(1, 20, 10, b"\0")
        self.wait(20, 11)
        self.send(1, 85, 10, b"\0")  # the broker confirms what is published
        self.wait(85, 11)

    def send(self, channel: int, kind: int, method: int, words: bytes) -> None:
        self.frame(1, channel, struct.pack(">HH", kind, method) + words)

    def frame(self, kind: int, channel: int, body: bytes) -> None:
        self.socket.sendall(struct.pack(">BHI", kind, channel, len(body)) + body + b"\xce")

    def read(self) -> tuple[int, bytes]:
        try:
            head = self.file.read(7)
        except ConnectionResetError:
            head = b""
        if len(head) < 7:
            raise SystemExit("connection closed")
        kind, _, size = struct.unpack(">BHI", head)
        return kind, self.file.read(size + 1)[:-1]

    def wait(self, kind: int, *methods: int) -> bytes:
        """Return the arguments of the next method, which must be one of these; `self.method` is which."""
        _, body = self.read()
        found, self.method = struct.unpack(">HH", body[:4])
        if found != kind or self.method not in methods:
            code = struct.unpack(">H", body[4:6])[0]
            raise SystemExit(f"refused: {code} {body[7 : 7 + body[6]].decode(errors='replace')}")
        return body[4:]

    def declare(self, queue: str) -> None:
        self.send(1, 50, 10, b"\0\0" + short(queue) + b"\2" + bytes(4))  # durable
        self.wait(50, 11)

    def publish(self, queue: str, text: str) -> None:
        self.send(1, 60, 40, b"\0\0" + short("") + short(queue) + b"\0")
        self.frame(2, 1, struct.pack(">HHQHB", 60, 0, len(text.encode()), 0x1000, 2))  # persistent
        self.frame(3, 1, text.encode())
        self.wait(60, 80)

    def get(self, queue: str) -> str | None:
        self.send(1, 60, 70, b"\0\0" + short(queue) + b"\1")
        self.wait(60, 71, 72)
        if self.method == 72:
            return None
        self.read()
        return self.read()[1].decode()


def short(text: str) -> bytes:
    return bytes([len(text.encode())]) + text.encode()


def long(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


address, user, password, queue, *texts = sys.argv[1:]
link = Link(address, user, password)
link.declare(queue)
for one in texts:
    link.publish(queue, one)
while not texts and (text := link.get(queue)) is not None:
    print("got", text)
