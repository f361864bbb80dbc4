"""What a killed run may have left: containers, temporary images, temporary files. `prune` removes what no run owns."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass

from docker_slim_plugin.engine import LABEL, TEMPORARY, Container, Engine, run_identity
from docker_slim_plugin.workspace import RUN_ID, workspaces

_IMAGE = re.compile(rf"{TEMPORARY}:({RUN_ID})-\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """What has been removed."""

    containers: tuple[str, ...]
    images: tuple[str, ...]
    files: tuple[str, ...]


def prune(engine: Engine) -> Leftovers:
    """Remove what runs that are no more have left behind; runs that still go on keep theirs."""
    containers, images = engine.ours()
    dead_containers = [item["Id"] for item in containers if not alive(item["Labels"][LABEL])]
    names = [name for item in images for name in item.get("RepoTags") or ()]
    dead_images = [name for name in names if (match := _IMAGE.fullmatch(name)) and not alive(match[1])]
    dead_images += [item["Id"] for item in engine.nameless() if not alive(item["Labels"][LABEL])]
    for identity in dead_containers:
        Container(engine, identity).remove()
    for name in dead_images:
        engine.unname(name)
    files = []
    for path, owner in workspaces():
        if not alive(owner):
            shutil.rmtree(path, ignore_errors=True)
            files.append(str(path))
    return Leftovers(containers=tuple(dead_containers), images=tuple(dead_images), files=tuple(files))


def alive(run_id: str) -> bool:
    """Tell whether the process that the run id names is still there."""
    pid, _, _ = run_id.partition("-")
    return pid.isdigit() and run_identity(int(pid)) == run_id
