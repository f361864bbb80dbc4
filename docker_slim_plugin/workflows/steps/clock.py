"""Measure the time of each step of a workflow, and end steps that take too long."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from docker_slim_plugin.cancel import watchdog
from docker_slim_plugin.progress import Progress

SLACK = 60.0
"""Seconds that a run of the app may take beside the app's own time: to start and stop its container, and to compare."""
BYTES_A_SECOND = 10_000_000.0


@dataclass(slots=True)
class Clock:
    """The duration of each step so far."""

    progress: Progress
    started: float = field(default_factory=time.monotonic)
    phases: list[tuple[str, float]] = field(default_factory=list)
    limit: float = math.inf
    """Seconds that a step may take."""

    @contextmanager
    def step(self, name: str, *, times: int = 1, size: int = 0) -> Iterator[None]:
        """Run a step. Raises Overdue if it takes too long.

        `times` is how often the step may run the app, each run with its own deadline. A step that writes `size` bytes
        may take one more second for every 10 MB.
        """
        begun = time.monotonic()
        limit = (self.limit + (SLACK if times > 1 else 0.0)) * times + size / BYTES_A_SECOND
        with self.progress.step(name), watchdog(f"the step {name!r}", limit):
            yield
        self.phases.append((name, time.monotonic() - begun))

    def seconds(self) -> float:
        return time.monotonic() - self.started
