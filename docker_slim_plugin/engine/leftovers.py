"""Removal of what killed runs have left behind: containers, temporary images and temporary files (`prune`)."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from docker_slim_plugin.engine import tag_locks
from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.engine.labels import LABEL, TEMPORARY
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import run_registry
from docker_slim_plugin.host.workspace import workspaces

SETTLE_SECONDS, MAX_SECONDS = 1.0, 30.0
"""A killed run may have a request pending in the engine: prune until nothing new appears for this long, at most so
long.
"""
_PAUSE = 0.25
_IMAGE = re.compile(rf"{TEMPORARY}:({run_registry.RUN_ID})-[\w-]+")


@dataclass(slots=True)
class Leftovers:
    """What has been removed, in order, and what has not."""

    containers: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    """Objects with our label or name, but of no registered run: they may belong to anybody, and are not removed."""
    failures: list[str] = field(default_factory=list)
    """Reasons why objects could not be removed."""

    def count(self) -> int:
        return len(self.containers) + len(self.images) + len(self.files)


def prune(engine: Engine) -> Leftovers:
    """Remove what runs that have ended have left behind; runs that are alive keep their objects.

    Containers are removed first, then images, then files: an image cannot be removed before its containers. A failure
    is recorded, and the rest is removed nevertheless.
    """
    found = Leftovers()
    dead_runs = frozenset(run for run in run_registry.registered_runs() if not run_registry.is_alive(run))
    deadline, quiet_until = time.monotonic() + MAX_SECONDS, time.monotonic() + SETTLE_SECONDS
    while True:
        before = found.count()
        found.failures.clear()
        _remove_all(engine, dead_runs, found)
        now = time.monotonic()
        quiet_until = now + SETTLE_SECONDS if found.count() > before else quiet_until
        if not dead_runs or now >= deadline or (now >= quiet_until and not found.failures):
            break
        time.sleep(_PAUSE)
    found.files += tag_locks.remove_stale(tag_locks.LOCK_DIRECTORY)
    found.unknown += _unknown(engine, frozenset(run_registry.registered_runs()))
    if not found.failures:
        for run in dead_runs:
            run_registry.unregister_old(run)
    return found


def _remove_all(engine: Engine, dead_runs: frozenset[str], found: Leftovers) -> None:
    """Remove the objects of dead runs that exist now."""
    containers, images = engine.owned_objects()
    for item in containers:
        if item["Labels"][LABEL] in dead_runs:
            _try_remove(found.containers, item["Id"], engine.container_by_id(item["Id"]).remove, found)
    for name in _names(images):
        if (match := _IMAGE.fullmatch(name)) and match[1] in dead_runs:
            _try_remove(found.images, name, lambda name=name: engine.untag(name), found)  # type: ignore[misc]
    for item in engine.dangling_images():
        if item["Labels"][LABEL] in dead_runs:
            _try_remove(found.images, item["Id"], lambda item=item: engine.untag(item["Id"]), found)  # type: ignore[misc]
    for path, owner in workspaces():
        if owner in dead_runs:
            _try_remove(found.files, str(path), lambda path=path: shutil.rmtree(path), found)  # type: ignore[misc]


def _try_remove(removed: list[str], name: str, remove: Callable[[], None], found: Leftovers) -> None:
    try:
        remove()
    except (SlimError, OSError) as error:
        found.failures.append(f"{name}: {error}")
    else:
        removed.append(name)


def _names(images: Iterable[dict[str, list[str] | None]]) -> list[str]:
    return [name for item in images for name in item.get("RepoTags") or ()]


def _unknown(engine: Engine, known_runs: frozenset[str]) -> list[str]:
    containers, images = engine.owned_objects()
    unknown = [f"container {item['Id'][:12]}" for item in containers if item["Labels"][LABEL] not in known_runs]
    unknown += [
        f"image {name}"
        for name in _names(images)
        if not (match := _IMAGE.fullmatch(name)) or match[1] not in known_runs
    ]
    unknown += [f"image {item['Id']}" for item in engine.dangling_images() if item["Labels"][LABEL] not in known_runs]
    return [*unknown, *(f"directory {os.fspath(path)}" for path, owner in workspaces() if owner not in known_runs)]
