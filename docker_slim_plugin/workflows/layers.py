"""Implement `docker slim layers`: read images, measure their layers, and compute or write a common base."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host.workspace import workspace
from docker_slim_plugin.image import writer
from docker_slim_plugin.image.names import make_base_name
from docker_slim_plugin.image.parent import BaseImage, open_base_image
from docker_slim_plugin.model.environment import DEFAULT_PATH
from docker_slim_plugin.model.request import LayersRequest
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.resolve.packages.os_release import read_distribution
from docker_slim_plugin.rootfs.sandbox import Sandbox
from docker_slim_plugin.sharing.common_base import CommonBase, Proposal, propose_base
from docker_slim_plugin.sharing.layer_sharing import ImageLayers, LayerSize, combined_size, measure_layers


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingResult:
    """The layers that several images share, and the bases that they could share."""

    images: tuple[ImageLayers, ...]
    separate: LayerSize
    """Sum of the sizes of the images."""
    combined: LayerSize
    """Size of all images in one engine, and in one registry."""
    proposals: tuple[Proposal, ...]
    written: tuple[str, str] | None
    """Name and id of the written base."""
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON's types."""
        return {
            "Images": [
                {
                    "Reference": one.image.reference,
                    "ID": one.image.id,
                    "Size": _json(one.size),
                    "Shared": _json(one.shared),
                    "Layers": [{"DiffID": diff_id, "Size": _json(layer)} for diff_id, layer in one.layers],
                }
                for one in self.images
            ],
            "Apart": _json(self.separate),
            "Together": _json(self.combined),
            "Proposals": [_json(proposal) for proposal in self.proposals],
            "Written": {"Reference": self.written[0], "ID": self.written[1]} if self.written else None,
            "Warnings": list(self.warnings),
        }


def _json(record: Any) -> dict[str, Any]:
    return {name.capitalize(): value for name, value in asdict(record).items()}


def measure_sharing(request: LayersRequest, progress: Progress) -> SharingResult:
    """Compare layers and files of the images. Write a base of the common files if the request has a name for it."""
    if os.geteuid() != 0:
        raise SlimError("cannot read images' files without root", hint="sudo docker slim layers ...")
    if len(set(request.images)) < 2:
        raise SlimError("cannot compare fewer than two images", hint="docker slim layers IMAGE IMAGE...")
    engine = Engine.connect(request.global_options)
    with engine.cleanup(), ExitStack() as stack:
        directory = stack.enter_context(workspace(engine.run_id))
        sandbox = stack.enter_context(Sandbox())
        with progress.step("read"):
            images = [_open_image(engine, name, directory, stack, sandbox) for name in dict.fromkeys(request.images)]
        with progress.step("measure"):
            measured = measure_layers(images)
        with progress.step("compare"):
            groups = _group_by_distribution(images, sandbox)
            bases = [propose_base(group, request.least, sandbox) for group in groups if len(group) > 1]
        written = None
        if request.tag:
            written = _write_base(engine, request.tag, bases, directory)
    alone = [one.reference for group in groups if len(group) == 1 for one in group]
    warnings = [f"{name} is of another distribution than the others: it shares no base" for name in alone]
    return SharingResult(
        images=measured,
        separate=sum((one.size for one in measured), LayerSize()),
        combined=combined_size(measured),
        proposals=tuple(base.proposal for base in bases),
        written=written,
        warnings=tuple(warnings),
    )


def _open_image(engine: Engine, name: str, directory: Path, stack: ExitStack, sandbox: Sandbox) -> BaseImage:
    own = directory / hashlib.sha256(name.encode()).hexdigest()[:16]
    own.mkdir()
    return stack.enter_context(open_base_image(engine, name, engine.image(name), own, sandbox))


def _group_by_distribution(images: Sequence[BaseImage], sandbox: Sandbox) -> list[list[BaseImage]]:
    found: dict[tuple[str, ...], list[BaseImage]] = {}
    for image in images:
        key = (*sandbox.call(read_distribution, image.rootfs), image.image.os, image.image.architecture)
        found.setdefault(key, []).append(image)
    return list(found.values())


def _write_base(engine: Engine, tag: str, bases: Sequence[CommonBase], directory: Path) -> tuple[str, str]:
    if len(bases) != 1 or not bases[0].proposal.files:
        raise SlimError(
            "cannot write a base: the images have no single distribution in common"
            if len(bases) != 1
            else "cannot write a base: the images have no file in common",
            hint="name images of one distribution",
        )
    (base,) = bases
    first = base.images[0].image
    source = replace(
        first,
        reference=base.proposal.distribution or first.reference,
        config={"Env": [f"PATH={DEFAULT_PATH}"]},
        created=min(one.image.created for one in base.images),
    )
    name = make_base_name(source, tag)
    writer.claim_names(engine, [name], force=False)
    try:
        draft = writer.load_base(engine, source, base.rootfs, base.plan, directory)
        engine.tag_image(draft.image.id, name)
    finally:
        engine.untag(engine.temporary_name("layered"))
    return name, draft.image.id
