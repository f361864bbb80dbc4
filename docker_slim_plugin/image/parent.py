"""Read a base image, on top of which other images are written: its tree, its unchanged layers, and its history.

The layers come from `docker save`, so their digests stay the same. An engine or registry that has them stores nothing
twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.image.docker_save import read_saved
from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.image import LayerBlob, SourceImage
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.rootfs.pristine import PristineTree
from docker_slim_plugin.rootfs.sandbox import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """A base image that is open for reading."""

    image: SourceImage
    rootfs: Rootfs
    blobs: tuple[LayerBlob, ...]
    """Its layers, lowest first."""
    history: tuple[Mapping[str, Any], ...]
    """History from its configuration, oldest first."""
    _hashes: dict[RootPath, str] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        return self.image.reference

    def hash(self, path: RootPath) -> str:
        """Return the sha256 of the content of a regular file. Each file is read once."""
        if path not in self._hashes:
            self._hashes[path] = hash_file(self.rootfs, path)
        return self._hashes[path]

    def hashes(self) -> dict[RootPath, str]:
        return {e.path: self.hash(e.path) for e in self.rootfs.entries.values() if e.kind is EntryKind.FILE}


def hash_file(rootfs: Rootfs, path: RootPath) -> str:
    """Return the sha256, in hex, of the regular file at `path`."""
    with rootfs.reader.open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


@contextmanager
def open_base_image(
    engine: Engine, reference: str, source: SourceImage, directory: Path, sandbox: Sandbox
) -> Iterator[BaseImage]:
    """Yield the local image `reference` as a base image. Its layers are written into `directory`."""
    image = engine.image(reference)
    if (image.os, image.architecture) != (source.os, source.architecture):
        raise SlimError(
            f"cannot use {reference} as a base: it is for {image.os}/{image.architecture}, "
            f"{source.reference} for {source.os}/{source.architecture}",
            hint=f"docker pull --platform {source.os}/{source.architecture} {reference}",
        )
    with PristineTree(engine, image, sandbox) as tree:
        # Use the id: for a name without a tag, docker save returns all images of that name.
        with engine.save_image(image.id) as stream:
            saved = read_saved(stream, directory, image)
        rootfs, _ = tree.wait()
        yield BaseImage(image=tree.measured(), rootfs=rootfs, blobs=saved.blobs, history=saved.history)
