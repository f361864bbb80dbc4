"""Read the output of `docker save`: the layers of an image, uncompressed, and its history.

The archive may describe images in two ways: manifest.json names configuration and layers, and index.json has manifests
and further indexes, also for other platforms and attestations (OCI image layout). Both are read, and the image with the
layers that the engine reports is used. Layers may be compressed with gzip or zstd. The archive is not trusted: names in
it are only compared, never opened, and sizes are bounded.
"""

from __future__ import annotations

import json
import posixpath
import re
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.image.decompression import PlainLayer, UnreadableArchive, decompress_layer
from docker_slim_plugin.model.image import LayerBlob, SourceImage

GROUP = "common"
"""Group name of the layers of a base image."""
MAX_MEMBERS = 4_000
MAX_MANIFESTS = 200
MAX_DOCUMENT = 8 << 20
"""Most bytes of a manifest, index or configuration."""
_BLOCK = 1 << 20
_DIGEST = re.compile(r"([a-z0-9+._-]+):([a-zA-Z0-9=_-]+)")


class _Image(NamedTuple):
    """One image of an archive."""

    config: str
    layers: tuple[str, ...]
    """Names of files in the archive, lowest layer first."""


@dataclass(frozen=True, slots=True)
class _Archive:
    """The files of an archive, each stored under a name of our own."""

    files: Mapping[str, Path]
    links: Mapping[str, str]

    def file(self, name: str) -> Path | None:
        return self.files.get(self.links.get(name, name))

    def document(self, name: str) -> Any:
        """Return the content of a JSON file, or None if it does not exist or is not JSON."""
        file = self.file(name)
        if file is None or file.stat().st_size > MAX_DOCUMENT:
            return None
        try:
            return json.loads(file.read_bytes())
        except (ValueError, RecursionError):
            return None


class SavedImage(NamedTuple):
    """What `docker save` has of an image."""

    blobs: tuple[LayerBlob, ...]
    """Its layers, lowest first."""
    history: tuple[Mapping[str, Any], ...]
    """History from its configuration, oldest first. It has one step for each layer, beside empty ones."""
    config: Mapping[str, Any]
    """Its whole configuration (image-spec config.md), not checked."""


def read_saved(stream: BinaryIO, directory: Path, image: SourceImage) -> SavedImage:
    """Write the layers of an image from `docker save` into `directory`, and return what it has."""
    # The unpacked image is not much smaller than its tars, except for tars that are made to fill a disk.
    max_bytes = 4 * image.size + (4 << 30)
    try:
        archive = _spool(stream, directory, max_bytes)
        config, files = _find_image(archive, image)
        # A layer may occur twice.
        plain = {file: decompress_layer(file, max_bytes) for file in dict.fromkeys(files)}
        blobs = tuple(_make_blob(plain[file], expected) for file, expected in zip(files, image.layers, strict=True))
    except (UnreadableArchive, tarfile.TarError, EOFError) as error:
        raise SlimError(f"cannot read what docker save gave of {image.reference}: {error}") from error
    except OSError as error:
        text = f"cannot read what docker save gave of {image.reference}: {error.strerror or error}"
        raise SlimError(text, hint=f"free some space in {directory}, or name another place with TMPDIR=DIR") from error
    history = tuple(step for step in _as_list(config.get("history")) if isinstance(step, dict))
    if sum(not step.get("empty_layer") for step in history) != len(blobs):
        history = tuple({"created_by": f"layer of {image.reference}"} for _ in blobs)
    return SavedImage(blobs, history, config)


def _spool(stream: BinaryIO, directory: Path, max_bytes: int) -> _Archive:
    """Copy the files of an archive to `directory`."""
    files: dict[str, Path] = {}
    links: dict[str, str] = {}
    left = max_bytes
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for number, member in enumerate(tar):
            tar.members.clear()  # type: ignore[attr-defined]
            left -= member.size
            if number >= MAX_MEMBERS or left < 0:
                raise UnreadableArchive("it is too large")
            if member.issym() or member.islnk():
                start = posixpath.dirname(member.name) if member.issym() else ""
                links[member.name] = posixpath.normpath(posixpath.join(start, member.linkname))
            elif member.isreg():
                content = tar.extractfile(member)
                assert content is not None
                files[member.name] = directory / f"saved-{number}"
                with open(files[member.name], "wb") as file:
                    shutil.copyfileobj(content, file, _BLOCK)
    return _Archive(files, links)


def _find_image(archive: _Archive, image: SourceImage) -> tuple[Mapping[str, Any], list[Path]]:
    """Return configuration and layer files of the image whose layers the engine reports."""
    reason = "no image in it has the layers that the engine names"
    for one in (*_images_of_manifest_json(archive), *_images_of_index_json(archive)):
        config = archive.document(one.config)
        if not isinstance(config, dict) or _diff_ids(config) != image.layers or len(one.layers) != len(image.layers):
            continue
        files = [archive.file(name) for name in one.layers]
        found = [file for file in files if file is not None]
        if len(found) == len(files):
            return config, found
        reason = f"{one.layers[files.index(None)]} is not in it"
    raise UnreadableArchive(reason)


def _diff_ids(config: Mapping[str, Any]) -> tuple[Any, ...]:
    rootfs = config.get("rootfs")
    return tuple(_as_list(rootfs.get("diff_ids"))) if isinstance(rootfs, dict) else ()


def _images_of_manifest_json(archive: _Archive) -> Iterator[_Image]:
    """Yield the images in manifest.json."""
    for one in _as_list(archive.document("manifest.json")):
        if isinstance(one, dict):
            yield _Image(str(one.get("Config")), tuple(map(str, _as_list(one.get("Layers")))))


def _images_of_index_json(archive: _Archive) -> Iterator[_Image]:
    """Yield the images in index.json and in the indexes to which it refers, without attestations."""
    names = ["index.json"]
    for name in names:
        document = archive.document(name)
        if not isinstance(document, dict):
            continue
        below = [
            one for one in _as_list(document.get("manifests")) if isinstance(one, dict) and not _is_attestation(one)
        ]
        more = [name for name in dict.fromkeys(map(_blob_name, below)) if name and name not in names]
        names += more[: max(MAX_MANIFESTS - len(names), 0)]
        config = _blob_name(document.get("config"))
        if config:
            yield _Image(config, tuple(map(_blob_name, _as_list(document.get("layers")))))


def _is_attestation(descriptor: Mapping[str, Any]) -> bool:
    annotations = descriptor.get("annotations")
    return isinstance(annotations, dict) and annotations.get("vnd.docker.reference.type") == "attestation-manifest"


def _blob_name(descriptor: Any) -> str:
    """Return the file name for a descriptor, or "" if it is not valid."""
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    match = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    return f"blobs/{match[1]}/{match[2]}" if match else ""


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _make_blob(plain: PlainLayer, expected: str) -> LayerBlob:
    """Return a layer. Raises UnreadableArchive if it is not the expected one."""
    if plain.diff_id != expected:
        raise UnreadableArchive(f"it holds another layer than {expected}")
    return LayerBlob(group=GROUP, file=str(plain.file), diff_id=plain.diff_id, size=plain.size, files=0)
