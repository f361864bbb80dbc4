"""What a killed run may have left: containers, temporary images, temporary files. `prune` removes what no run owns."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from docker_slim_plugin.engine import LABEL, Container, Engine, run_identity

_PREFIX = "docker-slim-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """What has been removed."""

    containers: tuple[str, ...]
    images: tuple[str, ...]
    files: tuple[str, ...]


@contextmanager
def workspace(run_id: str) -> Iterator[Path]:
    """Yield a temporary directory of this run; in TMPDIR, else /var/tmp, as /tmp may be memory."""
    parent = _parent()
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{run_id}-", dir=parent) as name:
        yield Path(name)


def prune(engine: Engine) -> Leftovers:
    """Remove what runs that are no more have left behind; runs that still go on keep theirs."""
    containers, images = engine.ours()
    dead_containers = [item["Id"] for item in containers if not alive(item["Labels"][LABEL])]
    names = [name for item in images for name in item.get("RepoTags") or ()]
    dead_images = [name for name in names if not alive(name.rpartition(":")[2].rpartition("-")[0])]
    for identity in dead_containers:
        Container(engine, identity).remove()
    for name in dead_images:
        engine.unname(name)
    files = []
    for path in sorted(_parent().glob(f"{_PREFIX}*-*-*")):
        owner = path.name.removeprefix(_PREFIX).rpartition("-")[0]
        # The directory is world-writable: only what is ours, and no link.
        if path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.geteuid() and not alive(owner):
            shutil.rmtree(path, ignore_errors=True)
            files.append(str(path))
    return Leftovers(containers=tuple(dead_containers), images=tuple(dead_images), files=tuple(files))


def alive(run_id: str) -> bool:
    """Tell whether the process that the run id names is still there."""
    pid, _, _ = run_id.partition("-")
    return pid.isdigit() and run_identity(int(pid)) == run_id


def _parent() -> Path:
    return Path(os.environ.get("TMPDIR") or "/var/tmp")  # noqa: S108
