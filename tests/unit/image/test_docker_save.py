"""Read the output of docker save, in each format that engines have used."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import json
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.image import docker_save
from docker_slim_plugin.image.decompression import UnreadableArchive, decompress_layer
from docker_slim_plugin.image.docker_save import read_saved
from docker_slim_plugin.model.image import SourceImage
from tests.observed import source_image

LAYERS = [b"one", b"two"]
HISTORY = [{"created_by": "one"}, {"created_by": "ENV", "empty_layer": True}, {"created_by": "two"}]
ATTESTS = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
ZSTD = importlib.util.find_spec("compression") is not None
Files = dict[str, bytes]


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def image(*layers: bytes, **more: Any) -> SourceImage:
    return source_image(layers=tuple(map(digest, layers)), **more)


def described(files: Files, document: Any, **more: Any) -> dict[str, Any]:
    """Add a blob, or a document as a blob, to the files. Return its descriptor."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    name = digest(data)
    files[f"blobs/sha256/{name.removeprefix('sha256:')}"] = data
    return {"digest": name, "size": len(data), **more}


def manifest(files: Files, layers: list[bytes], pack: Callable[[bytes], bytes] = bytes, **more: Any) -> dict[str, Any]:
    config = {"rootfs": {"diff_ids": [digest(layer) for layer in layers]}, "history": HISTORY}
    blobs = [described(files, pack(layer)) for layer in layers]
    return described(files, {"config": described(files, config), "layers": blobs}, **more)


def layout(*layers: bytes, pack: Callable[[bytes], bytes] = bytes, depth: int = 0) -> Files:
    """Return an OCI layout: the image below nested indexes, other manifests without blobs, and attestations.
    """
    files: Files = {}
    one = manifest(files, list(layers), pack, platform={"os": "linux", "architecture": "amd64"})
    elsewhere = {"digest": digest(b"not here"), "size": 8, "platform": {"os": "linux", "architecture": "s390x"}}
    other = manifest(files, [b"other"], platform={"os": "linux", "architecture": "arm64"})
    attestation = manifest(files, list(layers), lambda _: b"{}", platform={"os": "unknown"}, **ATTESTS)
    index: dict[str, Any] = {"schemaVersion": 2, "manifests": [attestation, elsewhere, other, one]}
    for _ in range(depth):
        index = {"schemaVersion": 2, "manifests": [described(files, index)]}
    return {**files, "index.json": json.dumps(index).encode(), "oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}


def listed(*layers: bytes, pack: Callable[[bytes], bytes] = bytes) -> Files:
    """Return the format of engines before 25."""
    config = {"rootfs": {"diff_ids": [digest(layer) for layer in layers]}, "history": HISTORY}
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    return {
        **dict(zip(names, map(pack, layers), strict=True)),
        "config.json": json.dumps(config).encode(),
        "manifest.json": json.dumps([{"Config": "config.json", "Layers": names, "RepoTags": None}]).encode(),
    }


def both(*layers: bytes, pack: Callable[[bytes], bytes] = bytes) -> Files:
    """Return the format of the containerd image store: manifest.json refers to the blobs of the layout."""
    files = layout(*layers, pack=pack, depth=1)
    config = {"rootfs": {"diff_ids": [digest(layer) for layer in layers]}, "history": HISTORY}
    names = [f"blobs/{digest(pack(layer)).replace(':', '/')}" for layer in layers]
    place = f"blobs/{described(files, config)['digest'].replace(':', '/')}"
    return {**files, "manifest.json": json.dumps([{"Config": place, "Layers": names}]).encode()}


def archive(files: Files, links: dict[str, str] | None = None) -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    out.seek(0)
    return out


def zstd(data: bytes) -> bytes:
    from compression import zstd as module  # type: ignore[import-not-found, unused-ignore]

    return bytes(module.compress(data))


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(listed(*LAYERS), id="docker archive"),
        pytest.param(listed(*LAYERS, pack=packed), id="docker archive, gzip"),
        pytest.param(both(*LAYERS), id="docker archive and layout"),
        pytest.param(both(*LAYERS, pack=packed), id="docker archive and layout, gzip"),
        pytest.param(layout(*LAYERS), id="layout"),
        pytest.param(layout(*LAYERS, pack=packed), id="layout, gzip"),
        pytest.param(layout(*LAYERS, pack=packed, depth=3), id="nested indexes"),
        pytest.param({**layout(*LAYERS), "manifest.json": b"[]"}, id="manifest.json that names nothing"),
        pytest.param({**layout(*LAYERS), "manifest.json": b"[" * 100_000}, id="manifest.json that is none"),
        pytest.param(
            {**layout(*LAYERS), "manifest.json": listed(b"other")["manifest.json"]}, id="manifest.json of another image"
        ),
    ],
)
def test_layers_are_unchanged(tmp_path: Path, files: Files) -> None:
    blobs, history, _ = read_saved(archive(files), tmp_path, image(*LAYERS))
    assert [Path(blob.file).read_bytes() for blob in blobs] == LAYERS
    assert [(blob.size, blob.diff_id) for blob in blobs] == [(3, digest(layer)) for layer in LAYERS]
    assert list(history) == HISTORY


@pytest.mark.skipif(not ZSTD, reason="Python reads zstd since 3.14")
def test_zstd(tmp_path: Path) -> None:
    blobs, _, _ = read_saved(archive(layout(*LAYERS, pack=zstd)), tmp_path, image(*LAYERS))
    assert [Path(blob.file).read_bytes() for blob in blobs] == LAYERS


@pytest.mark.skipif(ZSTD, reason="Python reads zstd since 3.14")
def test_zstd_that_python_cannot_read(tmp_path: Path) -> None:
    files = layout(*LAYERS, pack=lambda data: b"\x28\xb5\x2f\xfd" + data)
    with pytest.raises(SlimError, match=r"compressed with zstd, which only Python 3\.14 and later can read"):
        read_saved(archive(files), tmp_path, image(*LAYERS))


@pytest.mark.parametrize("pack", [bytes, packed])
def test_a_layer_that_comes_twice(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    files = listed(b"one", b"one", pack=pack)
    del files["1/layer.tar"]
    stream = archive(files, {"1/layer.tar": "../0/layer.tar"})
    blobs, history, _ = read_saved(stream, tmp_path, image(b"one", b"one"))
    assert [Path(blob.file).read_bytes() for blob in blobs] == [b"one", b"one"]
    assert list(history) == HISTORY


def test_steps_that_do_not_fit_the_layers(tmp_path: Path) -> None:
    _, history, _ = read_saved(archive(listed(b"one")), tmp_path, image(b"one"))
    assert [step["created_by"] for step in history] == ["layer of app:1"]


def without(files: Files, data: bytes) -> Files:
    return {name: content for name, content in files.items() if content != data}


def cut(data: bytes) -> bytes:
    return packed(data)[:-9]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        pytest.param({}, "no image in it has the layers", id="nothing"),
        pytest.param(listed(b"other"), "no image in it has the layers", id="another image"),
        pytest.param(without(layout(*LAYERS), b"two"), "blobs/sha256/.* is not in it", id="a layer is missing"),
        pytest.param({**listed(*LAYERS), "1/layer.tar": b"six"}, "it holds another layer than", id="another layer"),
        pytest.param(layout(*LAYERS, pack=cut), "a layer in it is broken", id="a layer that breaks off"),
        pytest.param(layout(*LAYERS, pack=lambda _: b"\x1f\x8b\x08?"), "a layer in it is broken", id="no gzip"),
        pytest.param(
            {"manifest.json": b'[{"Config": ["/etc/passwd"], "Layers": {"a": 1}}, 7]', "index.json": b"[1]"},
            "no image in it has the layers", id="other types",
        ),
        pytest.param(
            {"index.json": json.dumps({"manifests": [{"digest": "sha256:../../../etc/passwd"}, {"digest": 1}, "x"]}).encode()},
            "no image in it has the layers", id="digests that are none",
        ),
    ],
)  # fmt: skip
def test_unusable_archives(tmp_path: Path, files: Files, reason: str) -> None:
    with pytest.raises(SlimError, match=f"cannot read what docker save gave of app:1: {reason}"):
        read_saved(archive(files), tmp_path, image(*LAYERS))


def test_names_in_the_archive_are_not_opened(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    names = ["../outside", "/../../outside", f"{tmp_path}/outside", "a/../../outside", "saved-0"]
    files = {**dict.fromkeys(names, b"x"), **listed(*LAYERS)}
    read_saved(archive(files, {"x": "/etc/passwd", "y": "y"}), inside, image(*LAYERS))
    assert list(tmp_path.iterdir()) == [inside]
    assert all(path.is_file() and not path.is_symlink() for path in inside.iterdir())


def test_links_stay_within_the_archive(tmp_path: Path) -> None:
    files = listed(*LAYERS)
    del files["1/layer.tar"]
    with pytest.raises(SlimError, match=r"1/layer\.tar is not in it"):
        read_saved(archive(files, {"1/layer.tar": "/etc/passwd"}), tmp_path, image(*LAYERS))


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "layer"
    file.write_bytes(packed(bytes(64 << 20)))
    with pytest.raises(UnreadableArchive, match="far larger than the unpacked image"):
        decompress_layer(file, 10 << 20)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 16 << 20


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    files = {f"{number}": b"" for number in range(docker_save.MAX_MEMBERS + 1)}
    with pytest.raises(SlimError, match="it is too large"):
        read_saved(archive(files), tmp_path, image(*LAYERS))


def test_endless_indexes_are_bounded(tmp_path: Path) -> None:
    files: Files = {}
    index: dict[str, Any] = {"manifests": []}
    for _ in range(50):
        index = {"manifests": [described(files, index)] * 5000}
    files["index.json"] = json.dumps(index).encode()
    begun = time.monotonic()
    with pytest.raises(SlimError, match="no image in it has the layers"):
        read_saved(archive(files), tmp_path, image(*LAYERS))
    assert time.monotonic() - begun < 10


def test_an_archive_that_breaks_off(tmp_path: Path) -> None:
    whole = archive(listed(*LAYERS)).getvalue()
    with pytest.raises(SlimError, match="cannot read what docker save gave"):
        read_saved(io.BytesIO(whole[: len(whole) // 3]), tmp_path, image(*LAYERS))
