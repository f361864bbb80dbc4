"""Standard output and error that may be full or closed: that is an error with a status, never a traceback.

The result goes to standard output, so who cannot write it there cannot go on. What is said on standard error meanwhile
is worth less than the run: it is lost, and the exit status tells.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import IO, Any

from docker_slim_plugin.errors import SlimError


class Guarded:
    """A text stream whose failures are ours to handle; all else is the stream's own."""

    def __init__(self, stream: IO[str], *, vital: bool) -> None:
        self._stream = stream
        self._vital = vital
        self.lost: OSError | None = None
        """Why something could not be written."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            raise
        except OSError as error:
            self._failed(error)
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
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        self.lost = self.lost or error
        silence(self._stream)
        if self._vital:
            text = f"cannot write to standard output: {error.strerror}"
            raise SlimError(text, hint="free some space there") from error


def silence(stream: Any) -> None:
    """Let nothing more of a stream reach its file: what is left in its buffer would fail again when we end."""
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(null, stream.fileno())
    os.close(null)


def closing(status: int, out: Guarded, err: Guarded) -> int:
    """Return the exit status, which is 1 where something could not be said; say that where it still can be."""
    err.flush()
    for lost, name, other in ((err.lost, "error", out), (out.lost, "output", err)):
        if lost is not None and status == 0:
            with suppress(SlimError, BrokenPipeError):
                other.write(f"docker slim: cannot write to standard {name}: {lost.strerror}\n")
                other.flush()
            status = 1
    return status


def guard() -> tuple[Guarded, Guarded]:
    """Put guards in the place of sys.stdout and sys.stderr, and return them.

    A closed descriptor is opened first, lest some file of ours gets its number: what is said there is lost then.
    """
    lost: dict[int, OSError] = {}
    for number in range(3):
        try:
            os.fstat(number)
        except OSError as error:
            lost[number] = error
            # The lowest free number is the one that is closed.
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
    guards = []
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name) or open(number, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
        one = Guarded(stream, vital=number == 1)
        one.lost = lost.get(number)
        setattr(sys, name, one)
        guards.append(one)
    return guards[0], guards[1]
