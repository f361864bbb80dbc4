"""Make the confined form: the layered image, a layer with the launcher, and the launcher before the entrypoint."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.image.archive import image_id
from docker_slim_plugin.image.config import creation_time, make_image_config
from docker_slim_plugin.image.tar import write_tar
from docker_slim_plugin.image.writer import Draft, load_draft
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.image import SlimImage, SourceImage
from docker_slim_plugin.model.plan import FilePlan, KeptEntry, Reason, ReasonKind
from docker_slim_plugin.model.request import CONFINED

LAYER = "launcher"
"""Group of the layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """The program that restricts itself, and then executes its arguments."""

    path: str
    content: bytes

    def entry(self) -> KeptEntry:
        """Return the launcher as an entry of a plan."""
        size = len(self.content)
        entry = Entry(path=RootPath(self.path), kind=EntryKind.FILE, mode=0o755, size=size)
        reason = Reason(ReasonKind.GENERATED, "--confine", "the launcher")
        return KeptEntry(entry=entry, reasons=(reason,), content=self.content)


def confined_config(config: Mapping[str, Any], launcher: Launcher) -> dict[str, Any]:
    """Return the Config of a confined image: the launcher executes the entrypoint and the command as they are."""
    return {**config, "Entrypoint": [launcher.path, *(config.get("Entrypoint") or ())]}


def confined_plan(plan: FilePlan, launcher: Launcher) -> FilePlan:
    """Return the plan of the confined image."""
    return replace(plan, kept=tuple(sorted((*plan.kept, launcher.entry()), key=lambda one: one.entry.path)))


def load_confined(
    engine: Engine, source: SourceImage, plan: FilePlan, layered: Draft, launcher: Launcher, directory: Path
) -> Draft:
    """Write the layer of the launcher, and load the image. `source` has the configuration of the confined image."""
    # Without its parent directory a layer would hide the metadata of the one below.
    root = plan.by_path()[RootPath("/")]
    layer = write_tar(_no_content, (root, launcher.entry()), LAYER, directory / f"{LAYER}.tar")
    blobs = (*layered.image.layers, layer.blob)
    base_history = layered.base_image.history if layered.base_image else ()
    created = creation_time(source, os.environ)
    config = make_image_config(source, blobs, CONFINED, created, base_history=base_history)
    size = layered.image.size + layer.blob.content
    image = SlimImage(form=CONFINED, reference="", id=image_id(config), size=size, layers=blobs)
    draft = replace(layered, image=image, config=config, hashes={**layered.hashes, **layer.hashes})
    return load_draft(engine, draft, directory)


def _no_content(path: RootPath) -> io.BytesIO:
    raise AssertionError(path)
