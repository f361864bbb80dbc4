"""Layers of several images: what each takes, and what they take together."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from docker_slim_plugin.image.parent import Common
from docker_slim_plugin.model.image import LayerBlob, SourceImage

_BLOCK = 1 << 20
_LEVEL = 6
"""Of gzip, as docker push has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """On disk, as an image's size is counted (engine/size.py), and on the wire, compressed."""

    disk: int = 0
    wire: int = 0

    def __add__(self, other: Bytes) -> Bytes:
        return Bytes(disk=self.disk + other.disk, wire=self.wire + other.wire)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The layers of one image."""

    image: SourceImage
    layers: tuple[tuple[str, Bytes], ...]
    """(diff id, size), lowest first."""
    shared: Bytes
    """In layers that others of the images have, too."""

    @property
    def size(self) -> Bytes:
        return sum((size for _, size in self.layers), Bytes())


def stacks(images: Sequence[Common]) -> tuple[Stack, ...]:
    measured: dict[str, Bytes] = {}
    for image in images:
        for blob in image.blobs:
            if blob.diff_id not in measured:
                measured[blob.diff_id] = Bytes(disk=_content(blob), wire=_compressed(blob))
    users = Counter(diff_id for image in images for diff_id in {blob.diff_id for blob in image.blobs})
    found = []
    for image in images:
        layers = tuple((blob.diff_id, measured[blob.diff_id]) for blob in image.blobs)
        shared = sum((size for diff_id, size in layers if users[diff_id] > 1), Bytes())
        found.append(Stack(image=image.image, layers=layers, shared=shared))
    return tuple(found)


def _content(blob: LayerBlob) -> int:
    total = 0
    with tarfile.open(blob.file, mode="r|") as tar:
        for member in tar:
            tar.members.clear()  # type: ignore[attr-defined]
            if member.isreg():
                total += member.size
            elif member.issym():
                total += len(os.fsencode(member.linkname))
    return total


def _compressed(blob: LayerBlob) -> int:
    counter = _Counter()
    with open(blob.file, "rb") as raw, gzip.GzipFile(fileobj=counter, mode="wb", compresslevel=_LEVEL) as out:
        while block := raw.read(_BLOCK):
            out.write(block)
    return counter.size


class _Counter:
    """A file that only counts."""

    size = 0

    def write(self, data: bytes) -> int:
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        pass


def together(stacks: Sequence[Stack]) -> Bytes:
    """Return what one engine keeps (a layer for each stack of layers below it) and what one registry keeps (a blob)."""
    chains: dict[str, int] = {}
    blobs: dict[str, int] = {}
    for stack in stacks:
        chain = ""
        for diff_id, size in stack.layers:
            chain = hashlib.sha256(f"{chain} {diff_id}".encode()).hexdigest()
            chains[chain] = size.disk
            blobs[diff_id] = size.wire
    return Bytes(disk=sum(chains.values()), wire=sum(blobs.values()))
