"""The result of `docker slim profile`: what was seen, concluded and verified, as JSON (profile.json)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from docker_slim_plugin.model.calls import Call
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.observation import RunResult
from docker_slim_plugin.model.profile import Allowed, Profile
from docker_slim_plugin.profile.call_lists import call_lists
from docker_slim_plugin.profile.evidence import Evidence

VERSION = 1
LINE = 160
"""Characters of a line of profile.json; a longer value is divided."""


@dataclass(frozen=True, kw_only=True)
class Repair:
    """One repair of a profile: what was different under it, and what was added."""

    because: tuple[str, ...]
    added: tuple[Allowed, ...]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt that the profile must stop, made inside a container by a static program of ours."""

    name: str
    control: str
    """Result without restrictions: "ok" or the name of an errno."""
    default: str
    """Result with docker's own restrictions."""
    confined: str
    """Result under the profile."""
    by: str
    """What stops it; empty if nothing of the profile is expected to."""

    @property
    def is_stopped(self) -> bool:
        return self.control == "ok" and self.confined != "ok"


@dataclass(frozen=True, kw_only=True)
class ProfileReport:
    """The result for one image."""

    source: SourceImage
    evidence: Evidence
    profile: Profile
    result: RunResult
    repairs: tuple[Repair, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    not_enforced: tuple[str, ...] = ()
    """What no artefact enforces, or nothing here could be tried."""
    warnings: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    folder: str = ""
    seconds: float = 0.0
    run: tuple[str, ...] = ()
    """The words of the command line."""
    mask: Callable[[str], str] = str
    """Masks secrets in what the app has said: arguments, reasons."""

    @property
    def default_calls(self) -> int:
        """The number of system calls that Docker's default profile allows."""
        return len(call_lists().defaults(self.evidence.machine, self.evidence.capabilities))

    def to_json(self) -> dict[str, Any]:
        """Return the record of profile.json: docs/profile-schema.json."""
        return {
            "Version": VERSION,
            "Image": self.source.reference,
            "ImageID": self.source.id,
            "Architecture": self.evidence.machine,
            "Before": {
                "SystemCalls": self.default_calls,
                "Capabilities": sorted(self.evidence.capabilities),
            },
            "Seen": [_call(call, self.mask) for call in sorted(self.evidence.observations.calls, key=_order)],
            "Static": {
                "Imports": [_record(one, self.mask) for one in self.evidence.imports.functions],
                "WithoutImportTable": list(self.evidence.imports.static),
            },
            "Profile": _record(self.profile, self.mask),
            "Repairs": [_record(one, self.mask) for one in self.repairs],
            "Attempts": [{**_record(one, self.mask), "Stopped": one.is_stopped} for one in self.attempts],
            "Verified": {
                "Probes": [
                    {"Kind": one.kind, "Target": one.target, "Status": one.status} for one in self.result.probes
                ],
                "ExitStatus": self.result.exit_status,
                "StopStatus": self.result.stop_status,
            },
            "NotEnforced": list(self.not_enforced),
            "Warnings": list(self.warnings),
            "Run": list(map(self.mask, self.run)),
            "Folder": self.folder,
            "Files": list(self.files),
            "Seconds": round(self.seconds, 1),
        }

    def text(self) -> str:
        """Return profile.json: long lists have one item on a line."""
        return json_text(self.to_json())


def json_text(document: Any, indent: str = "") -> str:
    """Return JSON in which each object and each list of objects begins new lines, down to what fits a line."""
    flat = json.dumps(document)
    if not isinstance(document, (dict, list)) or len(flat) + len(indent) <= LINE:
        return flat
    inner = f"{indent} "
    if isinstance(document, dict):
        parts = [f"{json.dumps(key)}: {json_text(value, inner)}" for key, value in document.items()]
        return "{\n" + ",\n".join(inner + part for part in parts) + f"\n{indent}}}"
    parts = [json_text(value, inner) for value in document]
    return "[\n" + ",\n".join(inner + part for part in parts) + f"\n{indent}]"


def _record(value: Any, mask: Callable[[str], str]) -> Any:
    """Return a record as an object by its fields' names, spelled as in the other documents: NoNewPrivileges."""
    if is_dataclass(value):
        found = {}
        for one in fields(value):
            item = getattr(value, one.name)
            spelled = one.name.title().replace("_", "")
            found[spelled] = mask(item) if one.name == "reason" else _record(item, mask)
        return found
    return [_record(one, mask) for one in value] if isinstance(value, tuple) else value


def _call(call: Call, mask: Callable[[str], str]) -> dict[str, Any]:
    return {
        "Name": call.name,
        "ABI": call.abi,
        "Refused": call.refused,
        "Arguments": list(map(mask, call.arguments)),
        "Process": mask(call.process),
    }


def _order(call: Call) -> tuple[Any, ...]:
    return call.name, call.process, call.arguments, call.refused, call.abi
