"""Write a tar that is both an OCI image layout and the format of `docker save`.

Engines with the containerd image store read index.json, and older ones manifest.json. Both refer to the same blobs.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Sequence
from io import BytesIO
from typing import Any, BinaryIO

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.image import LayerBlob

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_INDEX = "application/vnd.oci.image.index.v1+json"


def image_id(config: bytes) -> str:
    """Return the id that the engine gives to an image with this configuration."""
    return f"sha256:{hashlib.sha256(config).hexdigest()}"


def write_archive(blobs: Sequence[LayerBlob], config: bytes, reference: str, out: BinaryIO) -> None:
    """Write the image to `out`, with the name `reference` (NAME:TAG) unless that is empty. Layers are lowest first.

    The same input gives the same bytes. Raises SlimError if `out` cannot be written.
    """
    try:
        for name, data in _make_documents(blobs, config, reference).items():
            _add_member(out, name, len(data), BytesIO(data))
        for blob in {blob.diff_id: blob for blob in blobs}.values():
            with open(blob.file, "rb") as file:
                _add_member(out, _blob_path(blob.diff_id), blob.size, file)
        out.write(bytes(2 * tarfile.BLOCKSIZE))
    except OSError as error:
        raise SlimError(
            f"cannot write the image archive: {error.strerror or error}",
            hint="free some space there, or name another place (TMPDIR=DIR, --output oci=FILE)",
        ) from error


def canonical_name(reference: str) -> str:
    """Return NAME:TAG with the host and path that docker leaves out. containerd needs the full name."""
    host, slash, _ = reference.partition("/")
    if slash and (host == "localhost" or "." in host or ":" in host):
        return reference
    return f"docker.io/{reference}" if slash else f"docker.io/library/{reference}"


def _make_documents(blobs: Sequence[LayerBlob], config: bytes, reference: str) -> dict[str, bytes]:
    """Return the small files of the archive by name: the index, the manifests, and the configuration."""
    layers = [_descriptor(_LAYER, blob.diff_id, blob.size) for blob in blobs]
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, image_id(config), len(config)),
            "layers": layers,
        }
    )
    described: dict[str, Any] = _descriptor(_MANIFEST, image_id(manifest), len(manifest))
    if reference:
        tag = reference.rpartition(":")[2]
        described["annotations"] = {
            "io.containerd.image.name": canonical_name(reference),
            "org.opencontainers.image.ref.name": tag,
        }
    index = _json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [described]})
    saved = _json(
        [
            {
                "Config": _blob_path(image_id(config)),
                "RepoTags": [reference] if reference else None,
                "Layers": [_blob_path(blob.diff_id) for blob in blobs],
            }
        ]
    )
    return {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": index,
        "manifest.json": saved,
        _blob_path(image_id(config)): config,
        _blob_path(image_id(manifest)): manifest,
    }


def _add_member(out: BinaryIO, name: str, size: int, content: BinaryIO) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    out.write(member.tobuf(tarfile.GNU_FORMAT))
    left = size
    while left:
        block = content.read(min(1 << 20, left))
        if not block:
            raise SlimError(f"cannot write the image archive: a layer has become shorter: {name}", hint="try again")
        out.write(block)
        left -= len(block)
    out.write(bytes(-size % tarfile.BLOCKSIZE))


def _blob_path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def _json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
