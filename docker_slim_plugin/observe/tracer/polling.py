"""How often to poll for the next stop before sleeping, adapted to whether polling has caught stops so far."""

from __future__ import annotations

MAX_POLLS = 100
"""Maximum number of polls in a row: a stop that comes meanwhile is handled without the cost of a wake-up."""
MAX_CREDIT = 8
RETRY_INTERVAL = 16
"""Without credit, polling is tried again before one in this many sleeps."""


class PollBudget:
    """Decides between polling and sleeping.

    Where the app needs this processor, polling takes it away, and so no stop ever comes while polling.
    """

    def __init__(self) -> None:
        self._credit = MAX_CREDIT
        self._polls = self._sleeps = 0

    def record_stop(self) -> None:
        """Record that a stop has come; gain credit if it was caught by polling."""
        if self._polls:
            self._polls = 0
            if self._credit < MAX_CREDIT:
                self._credit += 1

    def should_poll(self) -> bool:
        """Tell whether to poll once more instead of sleeping."""
        if self._polls < MAX_POLLS and (self._credit > 0 or self._sleeps % RETRY_INTERVAL == 0):
            self._polls += 1
            return True
        if self._polls and self._credit > 0:
            self._credit -= 1
        self._polls = 0
        self._sleeps += 1
        return False
