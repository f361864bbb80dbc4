"""Save the report of a run, and remove old reports of images that are gone."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import output_file
from docker_slim_plugin.host.run_registry import make_private, state_directory
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.report.record import Report

MAX_REPORTS = 100
"""Number of reports that are kept in any case. An older one is kept while it is the newest of an image that exists."""
FILE_SUFFIX = re.compile(r"-(\d{8}T\d{6})-\d+\.json$")
_HEAD = 1 << 16
"""Bytes of a report that name its images."""
_IMAGE_ID = re.compile(rb'"ID": "(sha256:[0-9a-f]{64})"')


def make_report_path(reference: str, environment: Mapping[str, str]) -> Path:
    """Return the path for the report of a run on `reference`: $XDG_STATE_HOME/docker-slim/NAME-TIME.json."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", reference)[:100].strip(".") or "image"
    return Path(
        state_directory(environment), f"{name}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}.json"
    )


def save_or_warn(report: Report, existing: Collection[str], progress: Progress) -> Report:
    """Save the full report and return it. `existing` are the ids of the engine's images.

    If that fails, warn and return the report without a file name: the work itself is done.
    """
    try:
        save(report, existing)
    except SlimError as error:
        progress.warn(f"{error}: {error.hint} names another place")
        return replace(report, file="")
    return report


def save(report: Report, existing: Collection[str] = ()) -> None:
    """Write the full report to `report.file`, and remove the oldest reports in its directory."""
    path = Path(report.file)
    try:
        make_private(path.parent)
        # The JSON is ASCII: lone surrogates (in names that are not UTF-8) become \udcXX escapes.
        output_file.write(report.file, json.dumps(report.to_json(files=True)).encode("ascii"), mode=0o600)
        _remove_old(path.parent, existing)
    except OSError as error:
        raise SlimError(f"cannot write the report {path}: {error.strerror}", hint="XDG_STATE_HOME=DIRECTORY") from error


def _remove_old(directory: Path, existing: Collection[str]) -> None:
    """Remove reports beyond MAX_REPORTS, but the newest one of each image that exists."""
    # The name of the image may be anything. Only the end of the file name is fixed: time and pid.
    ours = sorted((match[1], one) for one in directory.iterdir() if (match := FILE_SUFFIX.search(one.name)))
    if len(ours) <= MAX_REPORTS:
        return
    explained: set[str] = set()
    for place, (_, file) in enumerate(reversed(ours)):
        images = (_image_ids(file) & frozenset(existing)) - explained
        explained |= images
        if place >= MAX_REPORTS and not images:
            file.unlink(missing_ok=True)


def _image_ids(file: Path) -> frozenset[str]:
    """Return the ids of the images that a report is on."""
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return frozenset()
    # The source is named before.
    return frozenset(found.decode() for found in _IMAGE_ID.findall(head.partition(b'"Images": [')[2]))
