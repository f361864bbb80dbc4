"""All that is known of an image, and its JSON form (docs/xray-schema.json)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from docker_slim_plugin.xray.contents import Certificate, Contents
from docker_slim_plugin.xray.layers import LayerContent, Layers

FORMAT, VERSION = "docker-slim-xray", 1
_NAMES = {"uid": "UID", "gid": "GID", "sha256": "SHA256"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What an image contains."""

    reference: str
    id: str
    size: int
    """As the engine reports it, or as `PristineTree.measured` adds it up."""
    diff_ids: tuple[str, ...]
    created_by: tuple[str, ...]
    """The step of the history that made each layer; secrets in command lines are masked."""
    layers: Layers
    contents: Contents
    variables: tuple[str, ...]
    """Names of variables of the configuration that look like secrets."""
    now: datetime
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the findings as JSON's types."""
        layers, contents = self.layers, _json(self.contents)
        contents["Certificates"] = [
            {**_json(one), "Days": days_left(one, self.now)} for one in self.contents.certificates
        ]
        contents["Duplicates"] = [{**_json(one), "Extra": one.extra} for one in self.contents.duplicates]
        return {
            "Format": FORMAT,
            "SchemaVersion": VERSION,
            "Image": {"Reference": self.reference, "ID": self.id, "Size": self.size},
            "Layers": [
                {"DiffID": diff_id, "CreatedBy": step, **_layer(layer)}
                for diff_id, step, layer in zip(self.diff_ids, self.created_by, layers.layers, strict=True)
            ],
            "Efficiency": layers.efficiency,
            "WastedBytes": layers.wasted,
            "UserBytes": layers.upper_size,
            "UserWastedPercent": layers.user_wasted,
            "Waste": [_json(one) for one in layers.waste],
            "Omitted": layers.omitted,
            "SecretVariables": list(self.variables),
            **contents,
            "Warnings": list(self.warnings),
        }


def days_left(certificate: Certificate, now: datetime) -> int:
    """Return the whole days until a certificate ends; negative if it has ended."""
    return (datetime.fromisoformat(certificate.not_after).astimezone(UTC) - now).days


def _layer(layer: LayerContent) -> dict[str, Any]:
    found: dict[str, Any] = _json(layer)
    if not layer.changes:
        del found["Changes"], found["Omitted"]
    return found


def _json(value: Any) -> Any:
    """Return a record as an object with the names of its fields in capitalised words, and its values likewise."""
    if dataclasses.is_dataclass(value):
        return {_name(one.name): _json(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_json(one) for one in value]
    return value


def _name(field: str) -> str:
    return _NAMES.get(field) or "".join(word.capitalize() for word in field.split("_"))
