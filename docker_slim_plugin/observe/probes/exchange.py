"""One exchange with a service over a socket: send bytes, and read until the expected answer has come.

The service is part of the image, and hostile: the answer is bounded in bytes and time, and the pattern is matched
against a bounded prefix.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from docker_slim_plugin.model.service import Exchange

MAX_ANSWER = 16 << 10
SECONDS, BANNER_SECONDS = 5.0, 1.0
"""Of a whole exchange, as refused logins are delayed by some seconds; and of a greeting."""
_PART_SECONDS = 0.5
Connect = Callable[[float], socket.socket]
"""Returns a socket that is connected to the service, within some seconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service has sent."""

    matched: bytes | None
    """What the pattern matches; None if it does not match."""
    data: bytes
    problem: str = ""


def exchange(connect: Connect, what: Exchange, seconds: float = SECONDS) -> Answer:
    """Carry out an exchange. Lines are sent one by one, each after an answer, as a polite client does."""
    deadline = time.monotonic() + seconds
    data = bytearray()
    try:
        with connect(seconds) as stream:
            parts = what.send.splitlines(keepends=True) if _is_dialogue(what.send) else [what.send]
            if len(parts) > 1 and not what.udp:
                _receive(stream, data, min(deadline, time.monotonic() + BANNER_SECONDS), until_quiet=True)
            for number, part in enumerate(parts, 1):
                stream.sendall(part)
                if number < len(parts):
                    _receive(stream, data, min(deadline, time.monotonic() + BANNER_SECONDS), until_quiet=True)
            while (match := what.expect.search(data)) is None and time.monotonic() < deadline:
                if not _receive(stream, data, deadline, until_quiet=False):
                    match = what.expect.search(data)
                    break
    except OSError as error:
        match = what.expect.search(data)
        if match is None:
            return Answer(None, bytes(data), (error.strerror or "no answer").lower())
    return Answer(match[0] if match else None, bytes(data), "" if match else "another answer" if data else "no answer")


def read_banner(connect: Connect, hello: bytes = b"") -> bytes:
    """Return what a service sends by itself when somebody connects, or says `hello`; b"" if nothing."""
    data = bytearray()
    try:
        with connect(BANNER_SECONDS) as stream:
            stream.sendall(hello)
            _receive(stream, data, time.monotonic() + BANNER_SECONDS, until_quiet=True)
    except OSError:
        pass
    return bytes(data)


def _is_dialogue(data: bytes) -> bool:
    """Tell whether each line is said for itself. Lines that an empty one ends are one message, as in HTTP."""
    if data.endswith((b"\n\n", b"\r\n\r\n")):
        return False
    return data.isascii() and data.decode("ascii").replace("\r", "").replace("\n", "").isprintable()


def _receive(stream: socket.socket, data: bytearray, deadline: float, *, until_quiet: bool) -> bool:
    """Add what arrives to `data`: once, or until nothing more comes. Return False at the end of the stream."""
    seconds = deadline - time.monotonic()
    while seconds > 0 and len(data) < MAX_ANSWER:
        stream.settimeout(seconds)
        try:
            block = stream.recv(MAX_ANSWER - len(data))
        except TimeoutError:
            return True
        if not block:
            return False
        data += block
        if not until_quiet:
            return True
        # The rest of an answer comes at once.
        seconds = min(_PART_SECONDS / 10, deadline - time.monotonic())
    return len(data) < MAX_ANSWER
