"""The tracer's pipes: commands arrive on standard input, messages go to standard output, both as JSON lines."""

from __future__ import annotations

import json
import os
from typing import Any

MAX_BUFFERED = 500
"""Maximum number of messages to buffer before they are written."""


class Channel:
    """Both pipes of the tracer; `closed` is true when the other end has closed standard input."""

    def __init__(self) -> None:
        self.closed = False
        self._out: list[str] = []
        self._pending = b""

    def send(self, *message: Any) -> None:
        """Add a message to the buffer; write the buffer when it is full."""
        self._out.append(json.dumps(message))
        if len(self._out) > MAX_BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Write the buffered messages."""
        if self._out:
            data = ("\n".join(self._out) + "\n").encode()
            self._out.clear()
            while data:
                data = data[os.write(1, data) :]

    def commands(self) -> list[list[Any]]:
        """Return the commands that have arrived; set `closed` at the end of standard input."""
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
