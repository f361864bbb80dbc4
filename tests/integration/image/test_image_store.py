"""Images of any image store: one size and the same id in each run. Archives of the containerd store can be read."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.archives import add, imported

pytestmark = pytest.mark.integration

SLIM = (sys.executable, "-m", "docker_slim_plugin")
REPOSITORY = "docker-slim-test/store"
PLAIN = f"{REPOSITORY}:latest"
NESTED = f"{REPOSITORY}-nested:1"
BUSYBOX = Path("/bin/busybox").read_bytes()
TEXTS = {f"srv/{number}": bytes([number]) * 1001 for number in range(20)}
LINKS = {"srv/link": "0", "srv/broken": "no/such/file"}
BYTES = len(BUSYBOX) + sum(map(len, TEXTS.values())) + sum(map(len, LINKS.values()))


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def slim(*arguments: str) -> dict[str, Any]:
    answer = subprocess.run([*SLIM, *arguments], check=False, capture_output=True, text=True, timeout=200)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def layer() -> bytes:
    """Return a tar with a program, a second name of it, files and links."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for directory in ("bin", "srv"):
            add(tar, directory, type=tarfile.DIRTYPE, mode=0o755)
        add(tar, "bin/busybox", content=BUSYBOX, mode=0o755)
        add(tar, "bin/sh", type=tarfile.LNKTYPE, linkname="bin/busybox", mode=0o755)
        for name, content in TEXTS.items():
            add(tar, name, content=content, mode=0o644)
        for name, target in LINKS.items():
            add(tar, name, type=tarfile.SYMTYPE, linkname=target)
    return out.getvalue()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    tar = tmp_path_factory.mktemp("layer") / "layer.tar"
    tar.write_bytes(layer())
    imported(REPOSITORY, tar, 'CMD ["/bin/sh","-c","cat /srv/1"]')
    yield PLAIN
    listed = docker("images", "--format={{.Repository}}:{{.Tag}}", f"--filter=reference={REPOSITORY}*:*").split()
    docker("rmi", "-f", *listed)


def nested(plain: bytes) -> bytes:
    """Return an image as registries store it: compressed, below an index that also has an attestation."""
    files: dict[str, bytes] = {}

    def blob(data: bytes, kind: str, **more: Any) -> dict[str, Any]:
        name = hashlib.sha256(data).hexdigest()
        files[f"blobs/sha256/{name}"] = data
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{name}", "size": len(data), **more}

    def manifest(config: dict[str, Any], layers: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        one = blob(json.dumps(config).encode(), "config.v1+json")
        document = {"schemaVersion": 2, "mediaType": f"{PREFIX}manifest.v1+json", "config": one, "layers": layers}
        return blob(json.dumps(document).encode(), "manifest.v1+json", **more)

    machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    diff_id = f"sha256:{hashlib.sha256(plain).hexdigest()}"
    platform = {"architecture": machine, "os": "linux"}
    config = {**platform, "config": {"Cmd": ["/bin/sh", "-c", "cat /srv/1"]}, "history": [{"created_by": "tests"}]}
    config |= {"created": "2020-01-02T03:04:05Z", "rootfs": {"type": "layers", "diff_ids": [diff_id]}}
    packed = blob(gzip.compress(plain, mtime=0), "layer.v1.tar+gzip")
    image = manifest(config, [packed], platform=platform)
    unknown = {"architecture": "unknown", "os": "unknown"}
    said = blob(b'{"_type": "https://in-toto.io/Statement/v0.1"}', "layer.v1.tar")
    attests = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"]}
    attestation = manifest({**unknown, "rootfs": {"type": "layers", "diff_ids": []}}, [said], platform=unknown, annotations=attests)
    inner = {"schemaVersion": 2, "mediaType": f"{PREFIX}index.v1+json", "manifests": [attestation, image]}
    name = {"io.containerd.image.name": f"docker.io/{NESTED}", "org.opencontainers.image.ref.name": "1"}
    index = {"schemaVersion": 2, "manifests": [blob(json.dumps(inner).encode(), "index.v1+json", annotations=name)]}
    files |= {"index.json": json.dumps(index).encode(), "oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, data in files.items():
            add(tar, path, content=data)
    return out.getvalue()


PREFIX = "application/vnd.oci.image."


def is_containerd() -> bool:
    return "io.containerd.snapshotter" in docker("info", "--format", "{{.DriverStatus}}")


def test_one_size_and_the_same_ids(plain: str) -> None:
    arguments = ("pack", "--format", "json", "--force", plain, "/bin/sh", "/srv")
    first, second = (slim(*arguments, "--output", "layered", "--output", "squashed") for _ in range(2))
    assert first["Source"]["Size"] == BYTES
    assert {one["Form"]: one["Size"] for one in first["Images"]} == {"layered": BYTES, "squashed": BYTES}
    assert [one["ID"] for one in first["Images"]] == [one["ID"] for one in second["Images"]]
    names = [one["Reference"] for one in second["Images"]]
    created = docker("image", "inspect", "-f", "{{.Created}}", plain)
    assert {docker("image", "inspect", "-f", "{{.Created}}", name) for name in names} == {created}
    if not is_containerd():
        assert {docker("image", "inspect", "-f", "{{.Size}}", name) for name in (plain, *names)} == {str(BYTES)}


def test_an_image_as_registries_give_it(plain: str, tmp_path: Path) -> None:
    if not is_containerd():
        pytest.skip("only the containerd image store takes an index in an index")
    archive = tmp_path / "nested.tar"
    archive.write_bytes(nested(layer()))
    docker("load", "-q", "-i", str(archive))
    found = slim("pack", "--format", "json", "--output", "layered", "--base", NESTED, plain, "/bin/sh", "/srv/1")
    assert found["Source"]["Size"] == BYTES
    (on_it,) = found["Images"]
    assert on_it["Layers"][0]["Group"] == "common"
    assert on_it["Size"] == BYTES, "the base has it all"
    shares = slim("layers", "--format", "json", NESTED, plain)
    assert {one["Size"]["Disk"] for one in shares["Images"]} == {BYTES}
    slimmed = slim("run", "--level=exact", "--format", "json", NESTED)
    assert slimmed["Images"][0]["Size"] < BYTES
    assert docker("run", "--rm", slimmed["Images"][0]["Reference"]) == "\x01" * 1001
