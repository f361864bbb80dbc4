"""Standard output and error that may be full or closed: an error with an exit status, and no traceback.

The result goes to standard output, so a failure there ends the run. A failure on standard error does not: the messages
are lost, and the exit status tells.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import IO, Any

from docker_slim_plugin.errors import SlimError


class GuardedStream:
    """A text stream that handles write errors; everything else is delegated to the stream."""

    def __init__(self, stream: IO[str], *, is_essential: bool) -> None:
        self._stream = stream
        self._is_essential = is_essential
        self.error: OSError | None = None
        """The first write error."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            raise
        except OSError as error:
            self._handle_error(error)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            self._handle_error(error)

    def _handle_error(self, error: OSError) -> None:
        self.error = self.error or error
        discard_output(self._stream)
        if self._is_essential:
            text = f"cannot write to standard output: {error.strerror}"
            raise SlimError(text, hint="free some space there") from error


def discard_output(stream: Any) -> None:
    """Redirect the stream's descriptor to /dev/null, so that its buffered data does not fail again at exit."""
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(null, stream.fileno())
    os.close(null)


def finish(status: int, out: GuardedStream, err: GuardedStream) -> int:
    """Return the exit status: 1 if a write has failed; report the failure on the other stream."""
    err.flush()
    for error, name, other in ((err.error, "error", out), (out.error, "output", err)):
        if error is not None and status == 0:
            with suppress(SlimError, BrokenPipeError):
                other.write(f"docker slim: cannot write to standard {name}: {error.strerror}\n")
                other.flush()
            status = 1
    return status


def guard_standard_streams() -> tuple[GuardedStream, GuardedStream]:
    """Replace sys.stdout and sys.stderr by guarded streams, and return them.

    A closed descriptor is opened to /dev/null before, so that no other file gets its number; its output is lost.
    """
    errors: dict[int, OSError] = {}
    for number in range(3):
        try:
            os.fstat(number)
        except OSError as error:
            errors[number] = error
            # open(2) returns the lowest free number, which is the closed one.
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
    guards = []
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name) or open(number, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
        one = GuardedStream(stream, is_essential=number == 1)
        one.error = errors.get(number)
        setattr(sys, name, one)
        guards.append(one)
    return guards[0], guards[1]
