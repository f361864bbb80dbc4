"""What a stored report says of its run: probes, verification, rules, phases. The fields are those of record.py."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredProbe:
    """A probe and its result, model/observation.py ProbeResult."""

    Kind: str
    Target: str
    OK: bool
    Status: int
    Detail: str = ""
    Ended: float = 0.0
    """Seconds from the start of the run; 0 if it is not known."""


@dataclass(frozen=True)
class StoredObservation:
    """How the app was watched, and what it answered."""

    Mode: str = "off"
    Watch: str = "off"
    Events: int = 0
    Lost: int = 0
    Paths: int = 0
    ExitStatus: int | None = None
    Probes: tuple[StoredProbe, ...] = ()

    @property
    def is_of_run(self) -> bool:
        """Whether the app was run."""
        return (self.Mode, self.Watch) != ("off", "off")


@dataclass(frozen=True)
class StoredRule:
    """What a preset or a rule of the level has kept."""

    Name: str
    Summary: str
    Files: int
    Bytes: int


@dataclass(frozen=True)
class StoredKept:
    """What was kept in all."""

    Files: int = 0
    Bytes: int = 0
    Level: str = ""
    Rules: tuple[StoredRule, ...] = ()


@dataclass(frozen=True)
class StoredVerdict:
    """How an image was verified."""

    Form: str
    Passed: bool
    Seconds: float = 0.0
    FilesCompared: int = 0
    Differences: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredRepair:
    """A round in which the slim image lacked files."""

    Because: tuple[str, ...] = ()
    Added: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredPhase:
    """A step of docker slim."""

    Name: str
    Seconds: float
