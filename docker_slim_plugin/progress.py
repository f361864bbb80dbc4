"""The interface by which the lower floors report what they do. The command line implements it (cli/screen.py)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """Receives steps, counters and messages of a run.

    Calls may come from any thread. Texts may hold any character; the implementation escapes them.
    """

    def step(self, name: str) -> AbstractContextManager[None]:
        """Enter a step of the work, for example "resolve". Steps may nest."""
        ...

    def count(self, **counters: int) -> None:
        """Show numbers of the current step: count(files=12, events=400). The last value of a name counts."""
        ...

    def warn(self, text: str) -> None:
        """Report what the user should know about the result."""
        ...

    def note(self, text: str) -> None:
        """Report what is useful to know, and no reason to act."""
        ...


class Silent:
    """A Progress that shows nothing."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:  # noqa: ARG002
        yield

    def count(self, **counters: int) -> None:
        pass

    def warn(self, text: str) -> None:
        pass

    def note(self, text: str) -> None:
        pass
