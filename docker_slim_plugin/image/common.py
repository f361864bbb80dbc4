"""An image that others are written on top of: its tree, its layers as they are, its history.

The layers come from `docker save`, so that their digests stay the same and an engine or registry that has them already
takes nothing twice.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import posixpath
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from docker_slim_plugin.engine import Engine
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model import EntryKind, LayerBlob, RootPath, SourceImage
from docker_slim_plugin.pristine import PristineTree
from docker_slim_plugin.rootfs import Rootfs
from docker_slim_plugin.sandbox import Sandbox

GROUP = "common"
"""What layers of the base are called."""
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """A base image, open to be read."""

    image: SourceImage
    rootfs: Rootfs
    blobs: tuple[LayerBlob, ...]
    """Its layers, lowest first."""
    history: tuple[Mapping[str, Any], ...]
    """As its configuration has it, oldest first."""
    _hashes: dict[RootPath, str] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        return self.image.reference

    def hash(self, path: RootPath) -> str:
        """Return the sha256 of a regular file's content; each is read once."""
        if path not in self._hashes:
            self._hashes[path] = digest(self.rootfs, path)
        return self._hashes[path]

    def hashes(self) -> dict[RootPath, str]:
        return {e.path: self.hash(e.path) for e in self.rootfs.entries.values() if e.kind is EntryKind.FILE}


def digest(rootfs: Rootfs, path: RootPath) -> str:
    """Return the sha256, in hex, of the regular file at `path`."""
    with rootfs.reader.open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


@contextmanager
def opened(engine: Engine, reference: str, source: SourceImage, directory: Path, sandbox: Sandbox) -> Iterator[Common]:
    """Yield the local image `reference`, to write on top of it; its layers are put into `directory`."""
    image = engine.image(reference)
    if (image.os, image.architecture) != (source.os, source.architecture):
        raise SlimError(
            f"cannot use {reference} as a base: it is for {image.os}/{image.architecture}, "
            f"{source.reference} for {source.os}/{source.architecture}",
            hint=f"docker pull --platform {source.os}/{source.architecture} {reference}",
        )
    with PristineTree(engine, image, sandbox) as tree:
        # By its id: a name without a tag has docker save give all images of that name.
        with engine.saved(image.id) as stream:
            blobs, history = read_saved(stream, directory, image)
        rootfs, _ = tree.wait()
        yield Common(image=image, rootfs=rootfs, blobs=blobs, history=history)


def read_saved(
    stream: BinaryIO, directory: Path, image: SourceImage
) -> tuple[tuple[LayerBlob, ...], tuple[Mapping[str, Any], ...]]:
    """Put the layers of an image that `docker save` gives into `directory`; return them, and the image's history."""
    members: dict[str, Path] = {}
    links: dict[str, str] = {}
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for number, member in enumerate(tar):
            if member.issym() or member.islnk():
                start = posixpath.dirname(member.name) if member.issym() else ""
                links[member.name] = posixpath.normpath(posixpath.join(start, member.linkname))
            elif member.isreg():
                content = tar.extractfile(member)
                assert content is not None
                members[member.name] = directory / f"saved-{number}"
                with open(members[member.name], "wb") as file:
                    shutil.copyfileobj(content, file, _BLOCK)

    def file_of(name: str) -> Path:
        place = members.get(links.get(name, name))
        if place is None:
            raise SlimError(f"cannot read what docker save gave of {image.reference}: {name} is not in it")
        return place

    (manifest, *_) = json.loads(file_of("manifest.json").read_bytes())
    config = json.loads(file_of(manifest["Config"]).read_bytes())
    files = [file_of(name) for name in manifest["Layers"]]
    blobs = tuple(_blob(file, wanted, image) for file, wanted in zip(files, image.layers, strict=True))
    history = tuple(config.get("history") or ())
    if sum(not step.get("empty_layer") for step in history) != len(blobs):
        history = tuple({"created_by": f"layer of {image.reference}"} for _ in blobs)
    return blobs, history


def _blob(file: Path, wanted: str, image: SourceImage) -> LayerBlob:
    """Return a layer, its tar uncompressed; SlimError when it is not the one that the image names."""
    with open(file, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    if packed:
        plain = file.with_suffix(".tar")
        with gzip.open(file, "rb") as source, open(plain, "wb") as out:
            shutil.copyfileobj(source, out, _BLOCK)
        file = plain
    with open(file, "rb") as raw:
        found = f"sha256:{hashlib.file_digest(raw, 'sha256').hexdigest()}"
    if found != wanted:
        raise SlimError(f"cannot use {image.reference} as a base: docker save gave another layer than {wanted}")
    return LayerBlob(group=GROUP, file=str(file), diff_id=found, size=os.path.getsize(file), files=0)
