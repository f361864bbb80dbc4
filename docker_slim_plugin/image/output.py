"""Slim images into the engine: layered by docker load, squashed by docker export and docker import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from docker_slim_plugin.engine import Engine
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.image.archive import write_archive
from docker_slim_plugin.image.config import differences, image_config
from docker_slim_plugin.image.context import write_context
from docker_slim_plugin.image.layers import grouped
from docker_slim_plugin.image.squash import UNSAYABLE, changes, rewrite_export
from docker_slim_plugin.image.tar import write_layer
from docker_slim_plugin.model import FilePlan, LayerBlob, RootPath, SlimImage, SourceImage
from docker_slim_plugin.rootfs import Rootfs


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An image in the engine under a temporary name, until it is proved."""

    form: str
    reference: str
    id: str
    size: int
    blobs: tuple[LayerBlob, ...]
    hashes: Mapping[RootPath, str]
    """sha256 of each file's content."""
    config: bytes
    skipped: tuple[RootPath, ...] = ()
    """Kept names that no layer can hold."""

    def image(self, reference: str) -> SlimImage:
        """Return the image as it will be called."""
        return SlimImage(form=self.form, reference=reference, id=self.id, size=self.size, layers=self.blobs)


def layered(engine: Engine, source: SourceImage, rootfs: Rootfs, plan: FilePlan, directory: Path) -> Draft:
    """Write one layer for each group, and load them."""
    written = [
        write_layer(rootfs, kept, group.value, directory / f"{group.value}.tar") for group, kept in grouped(plan)
    ]
    hashes = {path: digest for layer in written for path, digest in layer.hashes.items()}
    draft = _loaded(engine, source, "layered", tuple(layer.blob for layer in written), hashes, directory)
    return replace(draft, skipped=tuple(path for layer in written for path in layer.skipped))


def squashed(engine: Engine, source: SourceImage, plan: FilePlan, base: Draft, directory: Path) -> Draft:
    """Export a container of the layered image, and import it as one layer with the source's configuration.

    Where the import cannot say all of the configuration (SHELL, values with newlines), the same layer is loaded with
    the exact one instead.
    """
    with engine.plain(base.id, ["-"]) as container, container.export() as stream:
        written = rewrite_export(stream, plan, directory / "squashed.tar")
    wanted = engine.image(base.id).config
    if any(wanted.get(field) for field in UNSAYABLE):
        return _loaded(engine, source, "squashed", (written.blob,), written.hashes, directory)
    with open(written.blob.file, "rb") as tar:
        engine.import_tar(tar, changes(wanted))
    imported = engine.image(engine.temporary("squashed"))
    if differences(wanted, imported.config):
        engine.unname(engine.temporary("squashed"))
        return _loaded(engine, source, "squashed", (written.blob,), written.hashes, directory)
    return Draft(
        form="squashed",
        reference=engine.temporary("squashed"),
        id=imported.id,
        size=imported.size,
        blobs=(written.blob,),
        hashes=written.hashes,
        config=base.config,
    )


def _loaded(
    engine: Engine,
    source: SourceImage,
    form: str,
    blobs: tuple[LayerBlob, ...],
    hashes: Mapping[RootPath, str],
    directory: Path,
) -> Draft:
    config = image_config(source, blobs, form, source.created)
    reference = engine.temporary(form)
    archive = directory / f"{form}-archive.tar"
    try:
        with open(archive, "wb") as file:
            write_archive(blobs, config, reference, file)
        with open(archive, "rb") as file:
            engine.load(file)
    finally:
        archive.unlink(missing_ok=True)
    found = engine.image(reference)
    return Draft(
        form=form, reference=reference, id=found.id, size=found.size, blobs=blobs, hashes=hashes, config=config
    )


def files(outputs: Sequence[str], draft: Draft, source: SourceImage, name: str) -> tuple[str, ...]:
    """Write what was asked for beside images in the engine; return the paths."""
    written = []
    for output in outputs:
        kind, _, where = output.partition("=")
        if kind == "oci":
            with open(where, "xb") as file:
                write_archive(draft.blobs, draft.config, name, file)
        elif kind == "context":
            write_context(Path(where), [(blob.group, Path(blob.file)) for blob in draft.blobs], source.config)
        else:
            continue
        written.append(where)
    return tuple(written)


def check(outputs: Sequence[str]) -> None:
    """Raise SlimError when an output can already be seen not to be writable."""
    for output in outputs:
        kind, _, where = output.partition("=")
        if kind == "oci" and Path(where).exists():
            raise SlimError(f"cannot write {where}: it exists", hint="remove it, or name another file")
        if kind == "oci" and not Path(where).absolute().parent.is_dir():
            raise SlimError(f"cannot write {where}: there is no such directory", hint="make the directory first")
