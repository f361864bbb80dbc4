"""Images that no Dockerfile can make: a saved one, its configuration changed or a layer put on top, loaded again."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

TIME = 1_600_000_000.123456789


def reload(
    image: str, name: str, directory: Path, *, layer: Path | None = None, change: Callable[[Any], object] = id
) -> None:
    """Load `image` as `name`, with the tar `layer` on top, and `change` applied to its configuration."""
    saved, again = directory / "saved.tar", directory / "again.tar"
    subprocess.run(["docker", "save", "-o", saved, image], check=True)
    with tarfile.open(saved) as old, tarfile.open(again, "w") as new:
        (manifest,) = json.loads(_content(old, "manifest.json"))
        config = json.loads(_content(old, manifest["Config"]))
        for member in {name: old.getmember(name) for name in manifest["Layers"]}.values():
            new.addfile(member, old.extractfile(member))
        if layer:
            manifest["Layers"].append("layer.tar")
            config["rootfs"]["diff_ids"].append(f"sha256:{hashlib.sha256(layer.read_bytes()).hexdigest()}")
            config["history"] = [*config.get("history", []), {"created_by": "tests"}]
            new.add(layer, "layer.tar")
        change(config)
        _add(new, "config.json", config)
        _add(new, "manifest.json", [{**manifest, "Config": "config.json", "RepoTags": [f"{name}:latest"]}])
    saved.unlink()
    subprocess.run(["docker", "load", "-q", "-i", again], check=True, stdout=subprocess.DEVNULL)
    again.unlink()


def imported(name: str, tar: Path, *changes: str) -> str:
    """Make an image of one tar, by the engine's own import."""
    lines = [f"--change={line}" for line in changes]
    subprocess.run(["docker", "import", *lines, tar, f"{name}:latest"], check=True, stdout=subprocess.DEVNULL)
    return name


def add(tar: tarfile.TarFile, name: str, **more: object) -> None:
    """Put a member into a tar (pax format); `content` is its content, `xattrs` its extended attributes."""
    content, xattrs = more.pop("content", b""), more.pop("xattrs", {})
    assert isinstance(content, bytes)
    assert isinstance(xattrs, dict)
    member = tarfile.TarInfo(name)
    member.mtime, member.size = TIME, len(content)  # type: ignore[assignment]
    member.pax_headers = {
        f"SCHILY.xattr.{key}": value.decode("utf-8", "surrogateescape") for key, value in xattrs.items()
    }
    for field, value in more.items():
        setattr(member, field, value)
    tar.addfile(member, io.BytesIO(content))


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None
    return file.read()


def _add(tar: tarfile.TarFile, name: str, document: Any) -> None:
    data = json.dumps(document).encode()
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
