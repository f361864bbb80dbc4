"""The configuration of a slim image: the source's, field by field, and where it comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from docker_slim_plugin.model import LayerBlob, SourceImage

CREATED_BY = "docker slim:"
"""How the history of our layers begins; a slim image is known by it."""
BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
_FIELDS = (
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "StopTimeout",
    "Healthcheck",
    "OnBuild",
    "Shell",
    "ArgsEscaped",
    "Tty",
    "OpenStdin",
    "StdinOnce",
    "NetworkDisabled",
)
"""What an image's configuration says of how it runs; the rest (Hostname ...) is of the container it came from."""


def base_labels(source: SourceImage) -> dict[str, str]:
    """Return the annotations of the OCI image spec that say what an image was made from."""
    digests = [digest.partition("@")[2] for digest in source.digests]
    return {BASE_NAME: source.reference, BASE_DIGEST: digests[0] if digests else source.id}


def slim_config(source: SourceImage) -> dict[str, Any]:
    """Return the Config of a slim image in the engine's spelling."""
    return {**source.config, "Labels": {**(source.config.get("Labels") or {}), **base_labels(source)}}


def image_config(source: SourceImage, blobs: Sequence[LayerBlob], form: str, created: str) -> bytes:
    """Return the image configuration as JSON (image-spec config.md); the same input gives the same bytes."""
    document = {
        "architecture": source.architecture,
        "os": source.os,
        **({"variant": source.variant} if source.variant else {}),
        **({"created": created} if created else {}),
        "config": slim_config(source),
        "rootfs": {"type": "layers", "diff_ids": [blob.diff_id for blob in blobs]},
        "history": [
            {**({"created": created} if created else {}), "created_by": f"{CREATED_BY} {blob.group}", "comment": form}
            for blob in blobs
        ],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def is_slim(source: SourceImage) -> bool:
    """Tell whether an image was written by docker slim."""
    return any(str(step.get("CreatedBy", "")).startswith(CREATED_BY) for step in source.history)


def differences(source: Mapping[str, Any], slim: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence for each field that the two Configs do not share; our own labels aside.

    Missing, null, "" and empty are one to docker, but for Entrypoint and Cmd: an empty list there is no command too.
    """
    found = []
    for field in _FIELDS:
        wanted, given = _plain(field, source.get(field)), _plain(field, slim.get(field))
        if wanted != given:
            found.append(f"configuration: {field} is {given!r}, not {wanted!r}")
    return tuple(found)


def _plain(field: str, value: Any) -> Any:
    if field == "Labels":
        value = {name: text for name, text in (value or {}).items() if name not in (BASE_NAME, BASE_DIGEST)}
    return value or None
