"""What the documents about one slim image say, in no format yet.

An image's label has the digest of its SBOM, so the SBOM cannot have the id of the image, which depends on the labels.
It names the image by its layers.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from docker_slim_plugin import __version__
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.inventory import Inventory

TOOL = "docker-slim"
_NAMESPACE = uuid.UUID("0d1f3c3e-6a0f-5c0b-9d67-5a1c0b8f2e11")
LIBRARIES = {"cyclonedx": "cyclonedx-python-lib", "packageurl": "packageurl-python"}
"""The libraries that are needed, by module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The image that is described."""

    source: str
    """Reference of the image from which it was made."""
    source_id: str
    level: str
    layers: tuple[str, ...]
    """Diff ids, lowest first."""
    created: str
    """RFC 3339, or empty."""

    @property
    def chain_id(self) -> str:
        """The ChainID of the layers (image-spec config.md)."""
        return functools.reduce(
            lambda chain, layer: f"sha256:{hashlib.sha256(f'{chain} {layer}'.encode()).hexdigest()}", self.layers
        )

    @property
    def time(self) -> datetime:
        """Creation time of the image, in seconds; 1970 if it has none."""
        try:
            return datetime.fromisoformat(f"{self.created[:19]}+00:00")
        except ValueError:
            return datetime.fromtimestamp(0, UTC)

    def make_uuid(self, of: str) -> uuid.UUID:
        """Return the UUID of the document in format `of`: the same for the same image, always."""
        return uuid.uuid5(_NAMESPACE, f"{of} {__version__} {self.chain_id} {self.source_id} {self.source}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """A file that belongs to no package."""

    path: str
    sha256: str
    sha1: str
    """SPDX 2.3 requires it of every file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """All that the documents about one image say."""

    subject: Subject
    inventory: Inventory
    files: tuple[ListedFile, ...] = ()


def require_libraries() -> None:
    """Raise SlimError if a library that makes the documents is missing."""
    missing = [library for module, library in LIBRARIES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise SlimError(
            f"cannot write an SBOM: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed",
            hint="apt-get install python3-cyclonedx-lib, or pip install 'docker-slim-plugin[sbom]'",
        )


def readable_path(path: str) -> str:
    """Return a path as Unicode text. Bytes that are not UTF-8 become a backslash, x and two digits."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
