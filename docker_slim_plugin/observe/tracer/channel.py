"""The tracer's two pipes: commands come in on standard input, messages go out on standard output, both JSON lines."""

from __future__ import annotations

import json
import os
from typing import Any

MANY = 500
"""Messages that are held back at most, so as to be written together."""


class Channel:
    """Both directions; `closed` when the other end is."""

    def __init__(self) -> None:
        self.closed = False
        self._out: list[str] = []
        self._pending = b""

    def say(self, *message: Any) -> None:
        """Have a message written, soon."""
        self._out.append(json.dumps(message))
        if len(self._out) > MANY:
            self.flush()

    def flush(self) -> None:
        """Write what has been said."""
        if self._out:
            data = ("\n".join(self._out) + "\n").encode()
            self._out.clear()
            while data:
                data = data[os.write(1, data) :]

    def commands(self) -> list[list[Any]]:
        """Return the commands that have arrived; at their end nobody listens any more, and the channel is closed."""
        while True:
            try:
                data = os.read(0, 65536)
            except BlockingIOError:
                break
            if not data:
                self.closed = True
                break
            self._pending += data
        *lines, self._pending = self._pending.split(b"\n")
        return [json.loads(line) for line in lines]
