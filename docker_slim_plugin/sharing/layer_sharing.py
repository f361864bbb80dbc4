"""Measure the layers of several images: the size of each image, and of all of them together."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from docker_slim_plugin.image.parent import BaseImage
from docker_slim_plugin.model.image import LayerBlob, SourceImage

_BLOCK = 1 << 20
_LEVEL = 6
"""Compression level of gzip that docker push uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSize:
    """Size on disk, as the size of an image is counted (engine/size.py), and compressed for transfer.

    The fields are keys of the JSON form.
    """

    disk: int = 0
    wire: int = 0

    def __add__(self, other: LayerSize) -> LayerSize:
        return LayerSize(disk=self.disk + other.disk, wire=self.wire + other.wire)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLayers:
    """The layers of one image."""

    image: SourceImage
    layers: tuple[tuple[str, LayerSize], ...]
    """Pairs of diff id and size, lowest first."""
    shared: LayerSize
    """Size of the layers that other images of the request have too."""

    @property
    def size(self) -> LayerSize:
        return sum((size for _, size in self.layers), LayerSize())


def measure_layers(images: Sequence[BaseImage]) -> tuple[ImageLayers, ...]:
    """Return the layers of each image with their sizes. Each diff id is measured once."""
    measured: dict[str, LayerSize] = {}
    for image in images:
        for blob in image.blobs:
            if blob.diff_id not in measured:
                measured[blob.diff_id] = LayerSize(disk=_content_size(blob), wire=_compressed_size(blob))
    users = Counter(diff_id for image in images for diff_id in {blob.diff_id for blob in image.blobs})
    found = []
    for image in images:
        layers = tuple((blob.diff_id, measured[blob.diff_id]) for blob in image.blobs)
        shared = sum((size for diff_id, size in layers if users[diff_id] > 1), LayerSize())
        found.append(ImageLayers(image=image.image, layers=layers, shared=shared))
    return tuple(found)


def _content_size(blob: LayerBlob) -> int:
    total = 0
    with tarfile.open(blob.file, mode="r|") as tar:
        for member in tar:
            tar.members.clear()  # type: ignore[attr-defined]
            if member.isreg():
                total += member.size
            elif member.issym():
                total += len(os.fsencode(member.linkname))
    return total


def _compressed_size(blob: LayerBlob) -> int:
    counter = _CountingWriter()
    with open(blob.file, "rb") as raw, gzip.GzipFile(fileobj=counter, mode="wb", compresslevel=_LEVEL) as out:
        while block := raw.read(_BLOCK):
            out.write(block)
    return counter.size


class _CountingWriter:
    """A file that only counts the bytes written to it."""

    size = 0

    def write(self, data: bytes) -> int:
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        pass


def combined_size(images: Sequence[ImageLayers]) -> LayerSize:
    """Return the size of all images together.

    An engine stores one layer for each chain id (the diff ids up to and including the layer), a registry one blob for
    each diff id.
    """
    size_by_chain_id: dict[str, int] = {}
    size_by_diff_id: dict[str, int] = {}
    for image in images:
        chain_id = ""
        for diff_id, size in image.layers:
            chain_id = hashlib.sha256(f"{chain_id} {diff_id}".encode()).hexdigest()
            size_by_chain_id[chain_id] = size.disk
            size_by_diff_id[diff_id] = size.wire
    return LayerSize(disk=sum(size_by_chain_id.values()), wire=sum(size_by_diff_id.values()))
