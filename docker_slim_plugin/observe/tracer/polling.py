"""How long to poll for the next stop before sleeping: as long as polling pays."""

from __future__ import annotations

SPIN = 100
"""Polls: a stop that comes meanwhile is taken without the price of a wake-up."""
MOST = 8
PROBE = 16
"""Where polling did not pay, it is tried again once in so many times."""


class Patience:
    """Where the app waits for our processor, polling takes it away: then no stop ever comes meanwhile."""

    def __init__(self) -> None:
        self._luck = MOST
        self._polls = self._sleeps = 0

    def rewarded(self) -> None:
        """A stop has come."""
        if self._polls:
            self._polls = 0
            if self._luck < MOST:
                self._luck += 1

    def lasts(self) -> bool:
        """Tell whether to poll once more, and not to sleep."""
        if self._polls < SPIN and (self._luck > 0 or self._sleeps % PROBE == 0):
            self._polls += 1
            return True
        if self._polls and self._luck > 0:
            self._luck -= 1
        self._polls = 0
        self._sleeps += 1
        return False
