"""Images: the source as the engine describes it, a layer on disk, and a slim image in the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceImage:
    """The image to slim, as the engine describes it."""

    reference: str
    """As the user wrote it, e.g. "nginx" or "nginx:1.27"."""
    id: str
    """sha256:... in the engine's format."""
    digests: tuple[str, ...]
    """RepoDigests."""
    tags: tuple[str, ...]
    size: int
    """Bytes of the files in its layers, each layer counted on its own and uncompressed (engine/size.py)."""
    os: str
    architecture: str
    """GOARCH, e.g. amd64."""
    variant: str
    created: str
    config: Mapping[str, Any]
    """The image's Config from the engine's API (OCI names: Env, Entrypoint, Cmd, ...)."""
    layers: tuple[str, ...]
    """Diff ids, lowest first."""
    history: tuple[Mapping[str, Any], ...] = ()
    """Newest first, as GET /images/NAME/history returns it."""
    graph: Mapping[str, Any] = field(default_factory=dict)
    """GraphDriver in the engine's answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBlob:
    """One layer, written as an uncompressed tar on the host."""

    group: str
    file: str
    """Host path of the tar."""
    diff_id: str
    """sha256:... of the uncompressed tar."""
    size: int
    """Bytes of the tar."""
    files: int
    """Number of entries that are not directories."""
    content: int = 0
    """Bytes of its files and symlinks. The size of an image is the sum of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlimImage:
    """One slim image in the engine."""

    form: str
    """layered or squashed."""
    reference: str
    """NAME:TAG that it gets when it is verified."""
    id: str
    size: int
    layers: tuple[LayerBlob, ...]
