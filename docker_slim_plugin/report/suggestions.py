"""Paths of a slim image for completion, from its stored report alone.

The report is searched as bytes, as reading its JSON takes several times as long. A wrong suggestion does no harm.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from docker_slim_plugin.host.run_registry import state_directory
from docker_slim_plugin.report.saving import FILE_SUFFIX

MAX_BYTES = 64 << 20
"""Larger reports have no suggestions."""
MAX_SUGGESTIONS = 2000
_HEAD = 1 << 16
"""Bytes of a report that name its images."""
_PATH = re.compile(rb'"Path": ("(?:[^"\\]|\\.)*"), "Kind": "(\w+)"')


def paths(image: str, prefix: str, environment: Mapping[str, str], file: str = "") -> list[str]:
    """Return what may follow `prefix` in an image's paths, up to the next slash; directories end with one.

    `file` is a report to use in place of the stored one. Paths that could control a terminal are left out.
    """
    report = Path(file) if file else _find(image, environment)
    try:
        text = report.read_bytes() if report and report.stat().st_size <= MAX_BYTES else b""
    except OSError:
        return []
    start = json.dumps(prefix)[:-1].encode("ascii")
    found: set[str] = set()
    for quoted, kind in _PATH.findall(text):
        path = _text(quoted) if quoted.startswith(start) else None
        if path is None:
            continue
        name, slash, _ = path[len(prefix) :].partition("/")
        suggestion = prefix + name + ("/" if slash or kind == b"dir" else "")
        if suggestion.isprintable() and suggestion not in ("", "//"):
            found.add(suggestion)
        if len(found) >= MAX_SUGGESTIONS:
            break
    return sorted(found)


def _text(quoted: bytes) -> str | None:
    try:
        return str(json.loads(quoted))
    except ValueError:
        return None


def _find(image: str, environment: Mapping[str, str]) -> Path | None:
    """Return the newest stored report that names an image."""
    tagged = image if ":" in image.rpartition("/")[2] else f"{image}:latest"
    names = [f'"Reference": {json.dumps(one)}, "ID"'.encode("ascii") for one in (image, tagged)]
    directory = state_directory(environment)
    try:
        files = [(match[1], one) for one in os.listdir(directory) if (match := FILE_SUFFIX.search(one))]
    except OSError:
        return None
    for _, name in sorted(files, reverse=True):
        path = directory / name
        try:
            with path.open("rb") as file:
                head = file.read(_HEAD).partition(b'"Images": [')[2].partition(b'"Observed"')[0]
        except OSError:
            continue
        if any(one in head for one in names):
            return path
    return None
