"""The result of the verification of a slim image."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of the verification of one slim image."""

    form: str
    mismatches: tuple[str, ...]
    """Configuration or files that are not as planned: a bug, or a broken disk."""
    behaviour: tuple[str, ...]
    """Differences in behaviour from the source: the image lacks something."""
    number_differences: tuple[str, ...] = ()
    """Outputs in which only numbers differ from the source: the image may lack something, or it is chance."""
    warnings: tuple[str, ...]
    files_compared: int
    seconds: float

    @property
    def differences(self) -> tuple[str, ...]:
        return (*self.mismatches, *self.behaviour, *self.number_differences)

    @property
    def passed(self) -> bool:
        return not self.differences
