"""How the floors below the command line say what they do, without knowing a screen."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from docker_slim_plugin.cancel import watchdog

SLACK = 60.0
"""Seconds beside the app's own in a run of it: to start and stop its container, to compare."""
BYTES_A_SECOND = 10_000_000.0


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


@dataclass(slots=True)
class Clock:
    """Where the time goes."""

    progress: Progress
    started: float = field(default_factory=time.monotonic)
    phases: list[tuple[str, float]] = field(default_factory=list)
    limit: float = math.inf
    """Seconds that a step may take."""

    @contextmanager
    def step(self, name: str, *, times: int = 1, size: int = 0) -> Iterator[None]:
        """Enter a step; Overdue when it takes too long.

        `times` is how often the app may be run in it, each run bounded by its own deadline; a step that writes `size`
        bytes may take a second more for every 10 MB.
        """
        begun = time.monotonic()
        limit = (self.limit + (SLACK if times > 1 else 0.0)) * times + size / BYTES_A_SECOND
        with self.progress.step(name), watchdog(f"the step {name!r}", limit):
            yield
        self.phases.append((name, time.monotonic() - begun))

    def seconds(self) -> float:
        return time.monotonic() - self.started
