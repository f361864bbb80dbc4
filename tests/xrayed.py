"""Findings about an image of tests/layers.py and a small tree, for tests that need no engine."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from docker_slim_plugin.model.entry import Entry
from docker_slim_plugin.xray.contents import examine
from docker_slim_plugin.xray.findings import Findings
from docker_slim_plugin.xray.layers import read_layers
from tests.certificates import certificate, pem
from tests.layers import STACK
from tests.rootfs import rootfs

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TREE = {
    "/bin/sh": "#!x",
    "/etc/cert.pem": pem(certificate(b"soon\x1b[31m", after=b"260111000000Z")) + pem(certificate(b"later", after=b"360101000000Z")),
    "/srv/key\n<b>\x1b[31m": "-----BEGIN PRIVATE KEY-----\n" + "A" * 64,
    "/srv/one": "duplicate",
    "/srv/two\u202e": "duplicate",
}


def findings(tree: Mapping[str, str | bytes | Entry] = TREE, *, listed: bool = False, **changes: Any) -> Findings:
    """Return the findings about an image."""
    found = Findings(
        reference="app:1",
        id="sha256:0",
        size=1000,
        diff_ids=("sha256:1", "sha256:2", "sha256:3"),
        created_by=("COPY . /", "RUN \x1b[31m" + "x" * 100, ""),
        layers=read_layers([io.BytesIO(one) for one in STACK], listed=listed),
        contents=examine(rootfs(tree)),
        variables=("API_KEY",),
        now=NOW,
        warnings=(),
    )
    return replace(found, **changes)
