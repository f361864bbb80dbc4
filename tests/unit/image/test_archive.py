"""One archive in two formats."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.image.archive import canonical_name, image_id, write_archive
from docker_slim_plugin.model.image import LayerBlob

CONFIG = b'{"os":"linux"}'


def blob(tmp_path: Path, group: str, data: bytes) -> LayerBlob:
    file = tmp_path / group
    file.write_bytes(data)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return LayerBlob(group=group, file=str(file), diff_id=digest, size=len(data), files=1)


def archive(*blobs: LayerBlob, reference: str = "") -> dict[str, bytes]:
    out = io.BytesIO()
    write_archive(blobs, CONFIG, reference, out)
    assert out.tell() % 512 == 0
    out.seek(0)
    found = {}
    with tarfile.open(fileobj=out) as tar:
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            assert (member.mtime, member.uid, member.gid) == (0, 0, 0)
            found[member.name] = content.read()
    return found


def test_every_blob_is_what_its_name_says(tmp_path: Path) -> None:
    files = archive(blob(tmp_path, "a", b"layer" * 1000), blob(tmp_path, "b", b"x" * 512))
    blobs = {name: data for name, data in files.items() if name.startswith("blobs/sha256/")}
    assert len(blobs) == 4
    assert all(name.rpartition("/")[2] == hashlib.sha256(data).hexdigest() for name, data in blobs.items())


def test_both_formats_name_the_same_image(tmp_path: Path) -> None:
    one, two = blob(tmp_path, "a", b"lower"), blob(tmp_path, "b", b"upper")
    files = archive(one, two, reference="host:5000/app:slim")
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (described,) = json.loads(files["index.json"])["manifests"]
    assert described["annotations"]["org.opencontainers.image.ref.name"] == "slim"
    manifest = json.loads(files["blobs/" + described["digest"].replace(":", "/")])
    assert [layer["digest"] for layer in manifest["layers"]] == [one.diff_id, two.diff_id]
    assert manifest["config"] == {
        "mediaType": "application/vnd.oci.image.config.v1+json", "digest": image_id(CONFIG), "size": len(CONFIG),
    }  # fmt: skip
    (saved,) = json.loads(files["manifest.json"])
    assert saved["RepoTags"] == ["host:5000/app:slim"]
    assert files[saved["Config"]] == CONFIG
    assert [files[layer] for layer in saved["Layers"]] == [b"lower", b"upper"]


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("app:slim", "docker.io/library/app:slim"),
        ("team/app:slim", "docker.io/team/app:slim"),
        ("localhost/app:slim", "localhost/app:slim"),
        ("host:5000/app:slim", "host:5000/app:slim"),
        ("host.example/app:slim", "host.example/app:slim"),
    ],
)
def test_containerd_knows_images_by_their_whole_name(reference: str, name: str) -> None:
    assert canonical_name(reference) == name


def test_no_name(tmp_path: Path) -> None:
    files = archive(blob(tmp_path, "a", b"1"))
    assert json.loads(files["manifest.json"])[0]["RepoTags"] is None
    assert "annotations" not in json.loads(files["index.json"])["manifests"][0]


def test_two_layers_that_are_the_same_are_written_once(tmp_path: Path) -> None:
    files = archive(blob(tmp_path, "a", b"1"), blob(tmp_path, "b", b"1"))
    assert len([name for name in files if name.startswith("blobs/")]) == 3
    assert len(json.loads(files["manifest.json"])[0]["Layers"]) == 2


def test_a_layer_that_has_become_shorter_is_an_error(tmp_path: Path) -> None:
    one = blob(tmp_path, "a", b"123")
    Path(one.file).write_bytes(b"12")
    with pytest.raises(SlimError, match="shorter"):
        archive(one)


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(SlimError, match="No space left"):
        write_archive([blob(tmp_path, "a", b"1")], CONFIG, "", full)  # type: ignore[arg-type]
