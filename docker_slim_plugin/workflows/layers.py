"""`layers` on one screen: read the images, measure their layers, find what a common base would hold, write it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from docker_slim_plugin.engine import Engine
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host.workspace import workspace
from docker_slim_plugin.image import writer
from docker_slim_plugin.image.names import base_name
from docker_slim_plugin.image.parent import Common, opened
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.resolve.packages.os_release import read_distribution
from docker_slim_plugin.resolve.script_interpreters import DEFAULT_PATH
from docker_slim_plugin.rootfs.sandbox import Sandbox
from docker_slim_plugin.sharing.common_base import CommonBase, Proposal, propose
from docker_slim_plugin.sharing.layer_sharing import Bytes, Stack, stacks, together


@dataclass(frozen=True, slots=True, kw_only=True)
class LayersRequest:
    """One `docker slim layers`."""

    images: tuple[str, ...]
    least: int = 0
    """Images that must have a file for it to be in the base; 0: more than half of them."""
    tag: str = ""
    """Name of the base image to write; empty: none is written."""
    global_options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What looking at several images has shown."""

    stacks: tuple[Stack, ...]
    apart: Bytes
    """The images' sizes, added up."""
    together: Bytes
    """What they take in one engine, and in one registry."""
    proposals: tuple[Proposal, ...]
    written: tuple[str, str] | None
    """Name and id of the base that was written."""
    warnings: tuple[str, ...]


def share(request: LayersRequest, progress: Progress) -> Sharing:
    """Compare the images' layers, and their files; write a base of the common ones if it has a name."""
    if os.geteuid() != 0:
        raise SlimError("cannot read images' files without root", hint="sudo docker slim layers ...")
    if len(set(request.images)) < 2:
        raise SlimError("cannot compare fewer than two images", hint="docker slim layers IMAGE IMAGE...")
    engine = Engine.connect(request.global_options)
    with engine.nothing_left(), ExitStack() as stack:
        directory = stack.enter_context(workspace(engine.run_id))
        sandbox = stack.enter_context(Sandbox())
        with progress.step("read"):
            images = [_open(engine, name, directory, stack, sandbox) for name in dict.fromkeys(request.images)]
        with progress.step("measure"):
            measured = stacks(images)
        with progress.step("compare"):
            groups = _by_distribution(images, sandbox)
            bases = [propose(group, request.least, sandbox) for group in groups if len(group) > 1]
        written = None
        if request.tag:
            written = _write(engine, request.tag, bases, directory)
    alone = [one.reference for group in groups if len(group) == 1 for one in group]
    warnings = [f"{name} is of another distribution than the others: it shares no base" for name in alone]
    return Sharing(
        stacks=measured,
        apart=sum((one.size for one in measured), Bytes()),
        together=together(measured),
        proposals=tuple(base.proposal for base in bases),
        written=written,
        warnings=tuple(warnings),
    )


def _open(engine: Engine, name: str, directory: Path, stack: ExitStack, sandbox: Sandbox) -> Common:
    own = directory / hashlib.sha256(name.encode()).hexdigest()[:16]
    own.mkdir()
    return stack.enter_context(opened(engine, name, engine.image(name), own, sandbox))


def _by_distribution(images: Sequence[Common], sandbox: Sandbox) -> list[list[Common]]:
    found: dict[tuple[str, ...], list[Common]] = {}
    for image in images:
        key = (*sandbox.call(read_distribution, image.rootfs), image.image.os, image.image.architecture)
        found.setdefault(key, []).append(image)
    return list(found.values())


def _write(engine: Engine, tag: str, bases: Sequence[CommonBase], directory: Path) -> tuple[str, str]:
    if len(bases) != 1 or not bases[0].proposal.files:
        raise SlimError(
            "cannot write a base: there is not one distribution that the images have in common"
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
    called = base_name(source, tag)
    writer.claim(engine, [called], force=False)
    try:
        draft = writer.based(engine, source, base.rootfs, base.plan, directory)
        engine.name(draft.id, called)
    finally:
        engine.unname(engine.temporary("layered"))
    return called, draft.id
