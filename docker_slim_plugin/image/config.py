"""Make the configuration of a slim image: that of the source, with labels for its origin."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.image import LayerBlob, SourceImage
from docker_slim_plugin.model.request import ConfigChanges

_MAX_SHOWN = 500
EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"
CREATED_BY = "docker slim:"
"""Prefix of the history entries of our layers. A slim image is recognised by it."""
BASE_CREATED_BY = "docker slim base:"
"""The same for a base image, which can be slimmed like any other image."""
MERGED_BY = "docker slim squash:"
"""The same for an image with merged layers, which is no slim image."""
BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
LEVEL = "docker-slim.level"
"""Label with the level of a slim image: exact, app or package."""
DOCUMENT_LABELS = {"sbom": "docker-slim.sbom", "spdx": "docker-slim.spdx"}
"""Labels with the digests of the SBOMs of an image, by form of --output."""
OWN_DOCUMENTS = frozenset(DOCUMENT_LABELS.values())
OWN_LABELS = frozenset({BASE_NAME, BASE_DIGEST, LEVEL, *OWN_DOCUMENTS})
_CONTAINER_FIELDS = frozenset(
    {"Hostname", "Domainname", "MacAddress", "Image", "AttachStdin", "AttachStdout", "AttachStderr"}
)
"""Fields that the API also uses for containers, and that have no meaning in an image."""


def make_base_labels(source: SourceImage) -> dict[str, str]:
    """Return the annotations of the OCI image spec that name the image from which this one was made."""
    digests = [digest.partition("@")[2] for digest in source.digests]
    return {BASE_NAME: source.reference, BASE_DIGEST: digests[0] if digests else source.id}


def label_level(source: SourceImage, level: str) -> SourceImage:
    """Return the source with the label that a slim image of this level gets."""
    return add_labels(source, {LEVEL: level})


def add_labels(source: SourceImage, labels: Mapping[str, str]) -> SourceImage:
    """Return the source with labels that a slim image gets. A label of an SBOM that is not its own is removed."""
    given = {key: text for key, text in (source.config.get("Labels") or {}).items() if key not in OWN_DOCUMENTS}
    return replace(source, config={**source.config, "Labels": {**given, **labels}})


def make_slim_config(source: SourceImage) -> dict[str, Any]:
    """Return the Config of a slim image in the engine's format."""
    return {**source.config, "Labels": {**(source.config.get("Labels") or {}), **make_base_labels(source)}}


def apply_changes(config: Mapping[str, Any], changes: ConfigChanges) -> dict[str, Any]:
    """Return `config` with `changes` applied."""
    changed: dict[str, Any] = {}
    if changes.entrypoint is not None:
        changed |= {"Entrypoint": list(changes.entrypoint) or None, "Cmd": None}
    if changes.cmd is not None:
        changed["Cmd"] = list(changes.cmd) or None
    if changes.expose:
        changed["ExposedPorts"] = {port: {} for port in changes.expose}
    if changes.user is not None:
        changed["User"] = changes.user
    if changes.workdir is not None:
        changed["WorkingDir"] = changes.workdir
    if changes.env:
        new = {variable.partition("=")[0]: variable for variable in changes.env}
        old = [str(variable) for variable in config.get("Env") or ()]
        kept = [new.pop(variable.partition("=")[0], variable) for variable in old]
        changed["Env"] = [*kept, *new.values()]
    return {**config, **changed}


def creation_time(source: SourceImage, environment: Mapping[str, str]) -> str:
    """Return the creation time: that of the source image, or SOURCE_DATE_EPOCH (reproducible-builds.org/specs)."""
    epoch = environment.get(EPOCH_VARIABLE, "")
    if not epoch:
        return source.created
    if not re.fullmatch(r"[0-9]{1,11}", epoch):
        raise SlimError(
            f"cannot use {EPOCH_VARIABLE}={epoch!r}", hint=f"{EPOCH_VARIABLE}=SECONDS since 1970, or unset it"
        )
    return datetime.fromtimestamp(int(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def make_image_config(
    source: SourceImage,
    blobs: Sequence[LayerBlob],
    form: str,
    created: str,
    by: str = CREATED_BY,
    base_history: Sequence[Mapping[str, Any]] = (),
) -> bytes:
    """Return the image configuration as JSON (image-spec config.md). The same input gives the same bytes.

    `base_history` is the history of the base image whose layers come first in `blobs`.
    """
    own_blobs = blobs[sum(not step.get("empty_layer") for step in base_history) :]
    document = {
        "architecture": source.architecture,
        "os": source.os,
        **({"variant": source.variant} if source.variant else {}),
        **({"created": created} if created else {}),
        "config": make_slim_config(source),
        "rootfs": {"type": "layers", "diff_ids": [blob.diff_id for blob in blobs]},
        "history": [
            *base_history,
            *(
                {**({"created": created} if created else {}), "created_by": f"{by} {blob.group}", "comment": form}
                for blob in own_blobs
            ),
        ],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def is_slim(source: SourceImage) -> bool:
    """Return whether docker slim wrote the image. An image that was built on a slim image is not slim itself.

    `docker import` does not record who ran it, so its images are recognised by their labels.
    """
    newest = source.history[0] if source.history else {}
    if str(newest.get("CreatedBy") or "").startswith(CREATED_BY):
        return True
    imported = str(newest.get("Comment") or "").startswith("Imported from")
    return imported and {BASE_NAME, BASE_DIGEST} <= set(source.config.get("Labels") or {})


def is_written_by_us(source: SourceImage) -> bool:
    """Return whether docker slim wrote the image: a slim image, a base, or one with merged layers."""
    newest = source.history[0] if source.history else {}
    # docker import stores its message as the comment.
    texts = (str(newest.get(field) or "") for field in ("CreatedBy", "Comment"))
    return is_slim(source) or any(text.startswith((BASE_CREATED_BY, MERGED_BY)) for text in texts)


def compare_configs(source: Mapping[str, Any], slim: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence for each field in which the two Configs differ, unknown fields included.

    Our own labels are ignored. Missing, null, empty, false and zero are equal, as they are for docker. The exception is
    StopTimeout: zero means no time at all, and missing means the engine's ten seconds.
    """
    found = []
    for field in sorted({*source, *slim} - _CONTAINER_FIELDS):
        expected, actual = _normalize(field, source.get(field)), _normalize(field, slim.get(field))
        if expected != actual:
            found.append(f"configuration: {field} is {_shorten(actual)}, not {_shorten(expected)}")
    return tuple(found)


def _shorten(value: Any) -> str:
    """Return a value as text for a sentence. It may be megabytes long in an image."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _normalize(field: str, value: Any) -> Any:
    if field == "StopTimeout":
        return value
    if field == "Labels":
        value = {name: text for name, text in (value or {}).items() if name not in OWN_LABELS}
    if field == "Healthcheck":
        value = {name: part for name, part in (value or {}).items() if part}
    return value or None
