"""What checking one slim image against its source has shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What checking one slim image has shown."""

    form: str
    mismatches: tuple[str, ...]
    """How configuration or files are not as planned: a bug, or a broken disk."""
    behaviour: tuple[str, ...]
    """How it behaves otherwise than the source: something is missing in it."""
    number_differences: tuple[str, ...] = ()
    """Outputs that differ from the source's in numbers alone: something may be missing, or it is chance."""
    warnings: tuple[str, ...]
    files_compared: int
    seconds: float

    @property
    def differences(self) -> tuple[str, ...]:
        return (*self.mismatches, *self.behaviour, *self.number_differences)

    @property
    def passed(self) -> bool:
        return not self.differences
