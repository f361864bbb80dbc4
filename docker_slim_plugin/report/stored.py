"""Stored reports of earlier runs: read one, find that of an image.

A report may be damaged, of another version, or written by somebody else, so each value is checked before it is used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host.run_registry import state_directory
from docker_slim_plugin.model.entry import EntryKind
from docker_slim_plugin.report.record import SCHEMA_VERSION
from docker_slim_plugin.report.saving import FILE_SUFFIX
from docker_slim_plugin.report.stored_run import (
    StoredKept,
    StoredObservation,
    StoredPhase,
    StoredProbe,
    StoredRepair,
    StoredRule,
    StoredVerdict,
)
from docker_slim_plugin.typed_json import Malformed, from_plain, parsed

_LEFT_OUT = ("Files", "Processes")
"""Fields that only the file has."""
MAX_BYTES = 512 << 20
"""Maximum size of a report in bytes."""


@dataclass(frozen=True)
class StoredReason:
    """A reason of a kept path, model/plan.py Reason."""

    Kind: str
    By: str
    Detail: str
    Process: int = 0
    """Number of the process that named the path first; 0 if it is not known, and neither are the next two."""
    Seconds: float = 0.0
    """From the start of its run."""
    During: str = ""
    """The probe or the phase of the run."""


@dataclass(frozen=True)
class StoredProcess:
    """A process of the run between two execs, model/observation.py RunProcess."""

    Number: int
    Parent: int
    PID: int
    Arguments: tuple[str, ...]
    Seconds: float


@dataclass(frozen=True)
class StoredEntry:
    """A kept path."""

    Path: str
    Kind: str
    Size: int
    Group: str
    Package: str
    Reasons: tuple[StoredReason, ...]
    Mode: str = ""
    """The permission bits in octal. Empty in reports of earlier versions."""

    @property
    def is_privileged(self) -> bool:
        """Whether it is a setuid or setgid file."""
        return self.Kind == EntryKind.FILE and re.fullmatch("[2-7][0-7]{3}", self.Mode) is not None


@dataclass(frozen=True)
class StoredLayer:
    """A layer of an image that was written."""

    DiffID: str
    Group: str = ""
    Size: int = 0
    Files: int = 0


@dataclass(frozen=True)
class StoredImage:
    """An image that was written."""

    Form: str
    Reference: str
    ID: str
    Layers: tuple[StoredLayer, ...]
    Size: int = 0
    """Bytes of the files in its layers."""


@dataclass(frozen=True)
class StoredSource:
    """The image that was slimmed."""

    Reference: str
    ID: str
    Size: int = 0
    Layers: int = 0
    Files: int = 0
    """Paths that are not directories."""


@dataclass(frozen=True)
class StoredReport:
    """What is used of a report."""

    Source: StoredSource
    Images: tuple[StoredImage, ...]
    Files: tuple[StoredEntry, ...]
    Kept: StoredKept = field(default_factory=StoredKept)
    Processes: tuple[StoredProcess, ...] = ()
    Version: str = ""
    Passed: bool = True
    Command: tuple[str, ...] = ()
    Seconds: float = 0.0
    Phases: tuple[StoredPhase, ...] = ()
    Outputs: tuple[str, ...] = ()
    Observed: StoredObservation = field(default_factory=StoredObservation)
    Verified: tuple[StoredVerdict, ...] = ()
    Repairs: tuple[StoredRepair, ...] = ()
    Warnings: tuple[str, ...] = ()
    FailedGates: tuple[str, ...] = ()
    Notes: tuple[str, ...] = ()

    @property
    def level(self) -> str:
        return self.Kept.Level

    def ancestry(self, number: int) -> tuple[StoredProcess, ...]:
        """Return a process and what started it, the youngest first.

        What only forked and has the same arguments is left out.
        """
        by_number = {one.Number: one for one in self.Processes}
        found: list[StoredProcess] = []
        # Each process is after its parent, so no chain of a good report leads in a circle.
        while (one := by_number.get(number)) and len(found) <= len(by_number):
            if found and found[-1].Arguments == one.Arguments:
                found.pop()
            found.append(one)
            number = one.Parent
        return tuple(found)

    def is_of(self, image: str, layers: Sequence[str]) -> bool:
        """Tell whether an image with this id, or these diff ids (lowest first), was written by that run.

        Ids differ between image stores. The layers of a base image are not in the report.
        """
        for one in self.Images:
            own = [layer.DiffID for layer in one.Layers]
            if image == one.ID or (own and own == list(layers[-len(own) :])):
                return True
        return False


_INNER: Mapping[str, type] = {
    "Source": StoredSource,
    "Images": StoredImage,
    "Layers": StoredLayer,
    "Kept": StoredKept,
    "Rules": StoredRule,
    "Phases": StoredPhase,
    "Observed": StoredObservation,
    "Probes": StoredProbe,
    "Verified": StoredVerdict,
    "Repairs": StoredRepair,
}
"""The records of fields that may have more than is used here."""


def load(file: str) -> StoredReport:
    """Return a report; SlimError when it cannot be read, is damaged, or of another version."""
    return _load(file)[0]


def load_document(file: str) -> dict[str, Any]:
    """Return a report as its run has printed it with --format json; SlimError as for load()."""
    return {name: value for name, value in _load(file)[1].items() if name not in _LEFT_OUT}


def _load(file: str) -> tuple[StoredReport, dict[str, Any]]:
    try:
        with open(file, "rb") as stream:
            text = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise SlimError(f"cannot read the report {file}: {error.strerror}", hint="--report FILE") from error
    try:
        return _read(text)
    except Malformed as error:
        raise SlimError(
            f"cannot use the report {file}: {error}", hint="docker slim run IMAGE writes a new one"
        ) from error


def _read(text: bytes) -> tuple[StoredReport, dict[str, Any]]:
    """Return a report and all of its document; Malformed when it is none."""
    if len(text) > MAX_BYTES:
        raise Malformed("it is too large")
    document = parsed(text)
    version = document.get("SchemaVersion") if isinstance(document, dict) else None
    if not isinstance(document, dict) or version != SCHEMA_VERSION:
        raise Malformed(f"it is of version {repr(version)[:20]}, not {SCHEMA_VERSION}")
    return from_plain(StoredReport, _reduced(document, StoredReport)), document


def _reduced(document: Any, kind: type) -> Any:
    """Return a document with the fields of a record alone; a report has more than is used here."""
    if isinstance(document, list):
        return [_reduced(one, kind) for one in document]
    if not isinstance(document, dict):
        return document
    names = {one.name for one in fields(kind)}
    return {
        name: _reduced(value, _INNER[name]) if name in _INNER else value
        for name, value in document.items()
        if name in names
    }


def find(image: str, layers: Sequence[str], environment: Mapping[str, str]) -> tuple[str, StoredReport] | None:
    """Return the newest stored report of an image, and its file; None if there is none.

    A report that cannot be used is passed over.
    """
    directory = state_directory(environment)
    files = [(match[1], one) for one in _files(directory) if (match := FILE_SUFFIX.search(one.name))]
    wanted = [text.encode() for text in (image, *layers[-1:])]
    for _, file in sorted(files, reverse=True):
        try:
            text = file.read_bytes() if file.stat().st_size <= MAX_BYTES else b""
            # Most reports are of other images: they need not be parsed.
            report = load(str(file)) if any(one in text for one in wanted) else None
        except (OSError, SlimError):
            continue
        if report and report.is_of(image, layers):
            return str(file), report
    return None


def _files(directory: Path) -> list[Path]:
    try:
        return [Path(directory, name) for name in os.listdir(directory)]
    except OSError:
        return []
