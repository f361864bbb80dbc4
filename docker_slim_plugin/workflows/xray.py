"""Implement `docker slim xray`: read the layers and the files of an image, of which nothing is run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.engine.secrets import Secrets
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host.workspace import workspace
from docker_slim_plugin.image.docker_save import read_saved
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.request import XrayRequest
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.rootfs.pristine import PristineTree
from docker_slim_plugin.rootfs.sandbox import Sandbox
from docker_slim_plugin.xray.contents import examine
from docker_slim_plugin.xray.findings import Findings
from docker_slim_plugin.xray.layers import Layers, read_layers
from docker_slim_plugin.xray.rules import Checked, check_rules, read_rules
from docker_slim_plugin.xray.secrets import secret_variables

MAX_STEP = 10_000
"""Characters of a step of the history."""


@dataclass(frozen=True, slots=True)
class XrayResult:
    """What was found, and how the rules of --ci see it."""

    findings: Findings
    rules: tuple[Checked, ...]

    @property
    def is_met(self) -> bool:
        """Whether every rule is met."""
        return all(rule.is_met for rule in self.rules)

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON's types."""
        rules = [{"Name": one.name, "Limit": one.limit, "Found": one.found, "Met": one.is_met} for one in self.rules]
        return {**self.findings.to_json(), "Rules": rules}


def xray(request: XrayRequest, progress: Progress) -> XrayResult:
    """Examine an image; with `request.ci`, check it by the rules."""
    limits = read_rules(request.config, request.rules) if request.ci else {}
    if os.geteuid() != 0:
        raise SlimError("cannot read an image's files without root", hint="sudo docker slim xray ...")
    engine = Engine.connect(request.global_options)
    image = engine.source(request.image, pull=request.pull, platform="", foreign=True)
    with engine.cleanup(), Sandbox() as sandbox, PristineTree(engine, image, sandbox) as tree:
        with progress.step("read the files"):
            rootfs, notes = tree.wait()
            progress.count(paths=len(rootfs.entries))
        layers, history = _read_layers(engine, image, sandbox, progress, listed=request.files)
        with progress.step("examine the files"):
            contents = sandbox.call(examine, rootfs)
        size = tree.measured().size
    in_layers = sum(layer.size for layer in layers.layers)
    differs = f"the layers have {in_layers:,} bytes of files, the engine reports {size:,} for the image"
    findings = Findings(
        reference=image.reference,
        id=image.id,
        size=size,
        diff_ids=image.layers,
        created_by=tuple(_steps(history, len(image.layers))),
        layers=layers,
        contents=contents,
        variables=secret_variables(tuple(map(str, image.config.get("Env") or ()))),
        now=datetime.now(UTC),
        warnings=(*notes, *([differs] if in_layers != size else [])),
    )
    return XrayResult(findings, check_rules(limits, findings))


def _read_layers(
    engine: Engine, image: SourceImage, sandbox: Sandbox, progress: Progress, *, listed: bool
) -> tuple[Layers, Sequence[Mapping[str, Any]]]:
    """Return what the layers do, and the history of the image. The tars of the layers are temporary files."""
    with ExitStack() as stack:
        directory = stack.enter_context(workspace(engine.run_id))
        with progress.step("save the layers"), engine.save_image(image.id) as stream:
            blobs, history, _ = read_saved(cast("BinaryIO", _Counted(stream, progress)), directory, image)
        with progress.step("read the layers"):
            files = [stack.enter_context(open(blob.file, "rb")) for blob in blobs]
            for file in files:
                sandbox.add_file(file)
            return sandbox.call(read_layers, files, listed=listed), history


def _steps(history: Sequence[Mapping[str, Any]], layers: int) -> list[str]:
    """Return what made each layer. Words after --password and the like are masked."""
    steps = [str(step.get("created_by") or "") for step in history if not step.get("empty_layer")]
    shown = [Secrets().mask_command(step[:MAX_STEP].removeprefix("/bin/sh -c ").strip()) for step in steps]
    return [*shown, *[""] * layers][:layers]


class _Counted:
    """A stream that tells the progress how much of it was read."""

    def __init__(self, stream: BinaryIO, progress: Progress) -> None:
        self._stream, self._progress = stream, progress
        self._bytes = self._told = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._bytes += len(data)
        if self._bytes // 1_000_000 != self._told:
            self._told = self._bytes // 1_000_000
            self._progress.count(MB=self._told)
        return data
