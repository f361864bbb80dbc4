"""How the floors below the command line say what they do, without knowing a screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """Takes what a run has to say; calls may come from any thread, texts may hold anything (the screen escapes)."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """Enter a step of the work, "watching the app"; steps may nest."""
        ...

    def count(self, **counters: int) -> None:
        """Show numbers of the current step, e.g. count(files=12, events=400); the last value of each name holds."""
        ...

    def warn(self, text: str) -> None:
        """Say what the user should know about the result."""
        ...

    def note(self, text: str) -> None:
        """Say what is good to know while waiting."""
        ...


class Silent:
    """A Progress that says nothing."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:  # noqa: ARG002
        yield

    def count(self, **counters: int) -> None:
        pass

    def warn(self, text: str) -> None:
        pass

    def note(self, text: str) -> None:
        pass
