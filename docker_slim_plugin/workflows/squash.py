"""Implement `docker slim squash`: merge the layers of an image into one, or those above a base. Nothing is run."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from docker_slim_plugin import __version__
from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.errors import SlimError, UsageError, VerificationFailed
from docker_slim_plugin.host.workspace import workspace
from docker_slim_plugin.image import writer
from docker_slim_plugin.image.config import creation_time
from docker_slim_plugin.image.docker_save import SavedImage, read_saved
from docker_slim_plugin.image.merged_layers import find_changes, keep_all, make_merged_config
from docker_slim_plugin.image.names import make_names
from docker_slim_plugin.image.parent import hash_file
from docker_slim_plugin.image.tar import WrittenLayer, write_tar
from docker_slim_plugin.image.writer import Draft
from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.image import SlimImage, SourceImage
from docker_slim_plugin.model.plan import FilePlan
from docker_slim_plugin.model.request import SquashRequest
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.rootfs.pristine import PristineTree
from docker_slim_plugin.rootfs.read_ahead import ReadAhead
from docker_slim_plugin.rootfs.sandbox import Sandbox
from docker_slim_plugin.verify.check import limit_sentences, verify
from docker_slim_plugin.workflows.steps.clock import Clock

SCHEMA_VERSION = 1
_BELOW = "below"
"""Form of the temporary image of the layers that stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SquashReport:
    """The result of one `docker slim squash`."""

    source: SourceImage
    image: SlimImage
    merged: int
    """Number of layers that became one."""
    files_compared: int
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def saved(self) -> int:
        """Bytes of files that higher layers replace or delete. Below zero if a lower layer's files are stored anew."""
        return self.source.size - self.image.size

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON document."""
        return {
            "SchemaVersion": SCHEMA_VERSION,
            "Version": __version__,
            "Seconds": round(self.seconds, 3),
            "Source": {
                "Reference": self.source.reference,
                "ID": self.source.id,
                "Size": self.source.size,
                "Layers": len(self.source.layers),
            },
            "Image": {
                "Reference": self.image.reference,
                "ID": self.image.id,
                "Size": self.image.size,
                "Layers": [layer.diff_id for layer in self.image.layers],
            },
            "Merged": self.merged,
            "Saved": self.saved,
            "FilesCompared": self.files_compared,
            "Warnings": list(self.warnings),
        }


def squash(request: SquashRequest, progress: Progress) -> SquashReport:
    """Write an image with the files and the configuration of `request.image` in fewer layers, and compare it."""
    if os.geteuid() != 0:
        raise SlimError("cannot read an image's files without root", hint="sudo docker slim squash ...")
    clock = Clock(progress)
    with clock.step("inspect"):
        engine = Engine.connect(request.global_options)
        source = engine.source(request.image, pull=request.pull, platform=request.platform, foreign=True)
        staying = count_staying(request, source, engine)
        names = make_names(source, request.tag, "squashed")
        writer.claim_names(engine, (names.layered,), force=request.force)
    with engine.cleanup(), ExitStack() as stack:
        directory = stack.enter_context(workspace(engine.run_id))
        sandbox = stack.enter_context(Sandbox())
        for form in ("squashed", _BELOW):
            stack.callback(engine.untag, engine.temporary_name(form))
        with clock.step("read the image", size=source.size):
            tree = stack.enter_context(PristineTree(engine, source, sandbox))
            with engine.save_image(source.id) as stream:
                saved = read_saved(stream, directory, source)
            rootfs, notes = tree.wait()
        with clock.step("write", size=source.size):
            draft = write_squashed(engine, (source, saved, rootfs), staying, directory, sandbox)
            loaded = writer.load_draft(engine, draft, directory)
        image = loaded.named(names.layered)
        plan = FilePlan(kept=keep_all(rootfs), total_files=0, total_bytes=0)
        with clock.step("compare", size=source.size):
            verdict = verify(engine, source, image, plan, draft.hashes, (), progress)
        if verdict.differences:
            what = "\n    ".join(limit_sentences(verdict.differences))
            raise VerificationFailed(
                f"comparison of the squashed image failed, so it was not tagged:\n    {what}", hint="docker slim doctor"
            )
        engine.tag_image(image.id, image.reference)
        return SquashReport(
            source=tree.measured(),
            image=replace(image, size=engine.image(image.reference).size),
            merged=len(source.layers) - staying,
            files_compared=verdict.files_compared,
            warnings=(*notes, *draft.warnings),
            seconds=clock.seconds(),
        )


def count_staying(request: SquashRequest, source: SourceImage, engine: Engine) -> int:
    """Return how many of the lowest layers stay. Raises an error if fewer than two are left to merge."""
    layers = source.layers
    if request.base:
        base = engine.image(request.base)
        staying = len(base.layers)
        if base.layers != layers[:staying]:
            raise SlimError(
                f"cannot keep the layers of {request.base}: {source.reference} is not built on them",
                hint=f"docker slim layers {request.base} {request.image}",
            )
    elif re.fullmatch("[0-9]{1,4}", request.above):
        staying = len(layers) - int(request.above)
    elif request.above:
        digest = request.above.removeprefix("sha256:")
        found = [place for place, one in enumerate(layers, 1) if one.removeprefix("sha256:").startswith(digest)]
        if len(found) != 1:
            problem = "more than one layer" if found else "no layer"
            raise UsageError(
                f"cannot squash from {request.above}: {problem} of {source.reference} has that diff id",
                hint=f"docker image inspect -f '{{{{json .RootFS.Layers}}}}' {request.image}",
            )
        staying = found[0]
    else:
        staying = 0
    if not 0 <= staying <= len(layers) - 2:
        few = f"fewer than two of its layers are above the {staying} that stay" if staying else "it has fewer than two"
        raise SlimError(
            f"cannot squash the layers of {source.reference}: {few}"
            if staying >= 0
            else f"cannot squash {request.above} layers: {source.reference} has {len(layers)}",
            hint=f"docker image inspect -f '{{{{json .RootFS.Layers}}}}' {request.image}",
        )
    return staying


def write_squashed(
    engine: Engine, image: tuple[SourceImage, SavedImage, Rootfs], staying: int, directory: Path, sandbox: Sandbox
) -> Draft:
    """Write the merged layer, and return the image on disk: the layers that stay, and the merged one."""
    source, saved, rootfs = image
    created = creation_time(source, os.environ)
    with open_below(engine, image, staying, directory, sandbox) as below:
        hashes: dict[RootPath, str] = {}

        def is_same_file(path: RootPath) -> bool:
            hashes[path] = hash_file(rootfs, path)
            return below is not None and hash_file(below, path) == hashes[path]

        layer = _write_merged(rootfs, below, is_same_file, directory / "merged.tar")
    hashes |= layer.hashes
    for path, entry in rootfs.entries.items():
        if entry.kind is EntryKind.FILE and path not in hashes:
            hashes[path] = hash_file(rootfs, path)
    blobs = (*saved.blobs[:staying], layer.blob)
    config = make_merged_config(saved.config, saved.history, [one.diff_id for one in blobs], staying, created)
    draft = writer.make_config_draft("squashed", blobs, config, hashes)
    return replace(draft, skipped=layer.skipped, reduced=layer.reduced)


def _write_merged(
    rootfs: Rootfs, below: Rootfs | None, is_same_file: Callable[[RootPath], bool], file: Path
) -> WrittenLayer:
    kept = keep_all(rootfs)
    deleted: tuple[RootPath, ...] = ()
    if below is not None:
        written, deleted = find_changes(below, rootfs, is_same_file)
        chosen = frozenset(written)
        kept = tuple(one for one in kept if one.entry.path in chosen)
    files = (one.entry.path for one in kept if one.entry.kind is EntryKind.FILE)
    with ReadAhead(rootfs.reader, files) as contents:
        return write_tar(contents.open, kept, "merged", file, deleted)


@contextmanager
def open_below(
    engine: Engine, image: tuple[SourceImage, SavedImage, Rootfs], staying: int, directory: Path, sandbox: Sandbox
) -> Iterator[Rootfs | None]:
    """Yield the tree of the layers that stay, of a temporary image; None if no layer stays."""
    if not staying:
        yield None
        return
    source, saved, _ = image
    blobs = saved.blobs[:staying]
    config = make_merged_config(
        {"architecture": source.architecture, "os": source.os, "config": {"Cmd": ["-"]}},
        [{} for _ in range(staying - 1)],
        [one.diff_id for one in blobs],
        staying - 1,
        "",
    )
    loaded = writer.load_draft(engine, writer.make_config_draft(_BELOW, blobs, config, {}), directory)
    with PristineTree(engine, engine.image(loaded.image.id), sandbox) as tree:
        yield tree.wait()[0]
