"""Layers made by hand, and an image of them: whiteouts, opaque directories, links, files that become directories."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.archives import add

What = bytes | str | Mapping[str, Any]


def layer(members: Mapping[str, What]) -> bytes:
    """Return the tar of a layer. "dir/" is a directory, "-> x" a symlink, "= x" a hard link, bytes a file's content.

    A mapping has the fields of a TarInfo, `content` and `xattrs`.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape") as tar:
        for name, what in members.items():
            add(tar, name.rstrip("/"), **_fields(name, what))
    return buffer.getvalue()


def _fields(name: str, what: What) -> dict[str, Any]:
    if isinstance(what, Mapping):
        kind = {"type": tarfile.DIRTYPE} if name.endswith("/") else {}
        return {"mode": 0o755 if kind else 0o644, **kind, **what}
    if name.endswith("/"):
        return {"type": tarfile.DIRTYPE, "mode": 0o755}
    if isinstance(what, bytes):
        return {"content": what, "mode": 0o644}
    kind, target = what.split(" ", 1)
    return {"type": tarfile.SYMTYPE, "linkname": target, "mode": 0o777} if kind == "->" else {"type": tarfile.LNKTYPE, "linkname": target, "mode": 0o644}


def load(name: str, layers: Sequence[bytes], directory: Path, config: Mapping[str, Any] | None = None) -> str:
    """Load an image of these layers, lowest first, into the engine."""
    diff_ids = [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in layers]
    document = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/none"], **(config or {})},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created_by": f"layer {number}"} for number in range(1, len(layers) + 1)],
    }
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": [f"{name}:latest"], "Layers": names}]
    archive = directory / "image.tar"
    with tarfile.open(archive, "w") as tar:
        add(tar, "config.json", content=json.dumps(document).encode())
        add(tar, "manifest.json", content=json.dumps(manifest).encode())
        for file, one in zip(names, layers, strict=True):
            add(tar, file, content=one)
    subprocess.run(["docker", "load", "-q", "-i", archive], check=True, stdout=subprocess.DEVNULL)
    archive.unlink()
    return name


STACK = (
    layer({
        "dir/": "", "dir/a": b"a" * 100, "dir/b": b"b" * 50, "file": b"f" * 10, "gone": b"g" * 30, "same": b"s" * 20, "link": "-> file",
        "hard": "= file", "sub/": "", "sub/x": b"x" * 7, "opaque/": "", "opaque/1": b"1" * 40, "opaque/2": b"2" * 5, "turns/": "", "turns/y": b"y" * 9,
    }),
    layer({
        ".wh.gone": b"", "dir/": "", "dir/a": b"A" * 60, "same": b"s" * 20, ".wh.sub": b"", "opaque/": "", "opaque/.wh..wh..opq": b"",
        "opaque/1": b"1" * 8, "turns": b"t" * 3,
    }),
    layer({"sub/": "", "sub/x": b"x", ".wh.dir": b""}),
)  # fmt: skip
"""An image whose figures are computed by hand in tests/unit/xray."""
