"""Write slim images into the engine: layered with docker load, squashed with docker export and docker import.

Both get their configuration from docker load, so the same plan always gives the same image and image id.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.image.archive import image_id, write_archive
from docker_slim_plugin.image.config import (
    BASE_CREATED_BY,
    CREATED_BY,
    creation_time,
    is_written_by_us,
    make_image_config,
)
from docker_slim_plugin.image.docker_save import GROUP
from docker_slim_plugin.image.layers import single_layer, split_layers
from docker_slim_plugin.image.parent import BaseImage
from docker_slim_plugin.image.squash import rewrite_export
from docker_slim_plugin.image.tar import write_layer, write_tar
from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.image import LayerBlob, SlimImage, SourceImage
from docker_slim_plugin.model.plan import FilePlan, Group
from docker_slim_plugin.rootfs.index import Rootfs

IMPORTED = "imported"
"""Form of the temporary image from docker import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An image under a temporary name in the engine until it is verified, or without a name and only on disk."""

    image: SlimImage
    """The image with its temporary name, "" if it is only on disk."""
    hashes: Mapping[RootPath, str]
    """sha256 of the content of each file."""
    config: bytes
    skipped: tuple[RootPath, ...] = ()
    """Kept entries that no layer can store."""
    base_image: BaseImage | None = None
    """The base image whose layers come first in the image."""
    reduced: tuple[RootPath, ...] = ()
    """Kept entries that are stored without some of their metadata."""
    documents: Mapping[str, bytes] = field(default_factory=dict)
    """Documents about the image, by form of --output."""
    notes: tuple[str, ...] = ()
    """About the documents, for the user."""

    @property
    def warnings(self) -> tuple[str, ...]:
        reasons = {
            "left out: no layer can hold sockets and .wh.*": self.skipped,
            "stored with less metadata: docker has no times before 1970 or after 2262, "
            "and no attributes without a value": self.reduced,
        }
        return tuple(
            f"{len(paths)} names are {what}: {', '.join(map(repr, paths[:3]))}"
            for what, paths in reasons.items()
            if paths
        )

    @property
    def own_layers(self) -> tuple[LayerBlob, ...]:
        """The layers that do not belong to the base."""
        return self.image.layers[len(self.base_image.blobs) if self.base_image else 0 :]

    def named(self, reference: str) -> SlimImage:
        """Return the image with its final name."""
        return replace(self.image, reference=reference)


def write_layers(
    source: SourceImage, rootfs: Rootfs, plan: FilePlan, directory: Path, base_image: BaseImage | None = None
) -> Draft:
    """Write one layer for each group, on the layers of the base if the plan uses it. The engine is not used."""
    base_image = base_image if plan.base else None
    layers = [
        write_layer(rootfs, kept, group.value, directory / f"{group.value}.tar") for group, kept in split_layers(plan)
    ]
    blobs = (*(base_image.blobs if base_image else ()), *(layer.blob for layer in layers))
    base_history = base_image.history if base_image else ()
    config = make_image_config(source, blobs, "layered", creation_time(source, os.environ), base_history=base_history)
    hashes = {path: digest for layer in layers for path, digest in layer.hashes.items()}
    size = (base_image.image.size if base_image else 0) + sum(layer.blob.content for layer in layers)
    return Draft(
        image=SlimImage(form="layered", reference="", id=image_id(config), size=size, layers=blobs),
        hashes=base_image.hashes() | hashes if base_image else hashes,
        config=config,
        base_image=base_image,
        skipped=tuple(path for layer in layers for path in layer.skipped),
        # A directory is in each layer that has entries below it.
        reduced=tuple(dict.fromkeys(path for layer in layers for path in layer.reduced)),
    )


def relabel(draft: Draft, source: SourceImage) -> Draft:
    """Return an image that was written, but not loaded, with the configuration of `source`."""
    base_history = draft.base_image.history if draft.base_image else ()
    created = creation_time(source, os.environ)
    config = make_image_config(source, draft.image.layers, "layered", created, base_history=base_history)
    return replace(draft, config=config, image=replace(draft.image, id=image_id(config)))


def make_config_draft(form: str, layers: Sequence[LayerBlob], config: bytes, hashes: Mapping[RootPath, str]) -> Draft:
    """Return an image with these layers, lowest first, and exactly this configuration."""
    size = sum(blob.content for blob in layers)
    image = SlimImage(form=form, reference="", id=image_id(config), size=size, layers=tuple(layers))
    return Draft(image=image, hashes=hashes, config=config)


def load_draft(engine: Engine, draft: Draft, directory: Path) -> Draft:
    """Load an image that was written."""
    return replace(draft, image=_load_archive(engine, draft.image, draft.config, directory))


def load_base(engine: Engine, source: SourceImage, rootfs: Rootfs, plan: FilePlan, directory: Path) -> Draft:
    """Write the whole plan as one layer of a base image, and load it."""
    ((_, kept),) = single_layer(plan)
    layer = write_layer(rootfs, kept, GROUP, directory / f"{GROUP}.tar")
    return load_draft(engine, _make_draft(source, "layered", (layer.blob,), layer.hashes, BASE_CREATED_BY), directory)


def write_flat_tar(rootfs: Rootfs, plan: FilePlan, directory: Path, base_image: BaseImage | None = None) -> Path:
    """Write the whole tree as one tar. The engine is not used."""
    ((_, kept),) = single_layer(plan)
    base_paths = {one.entry.path for one in kept if one.group is Group.COMMON}

    def content(path: RootPath) -> BinaryIO:
        return (base_image.rootfs if base_image and path in base_paths else rootfs).reader.open(path)

    return Path(write_tar(content, kept, "flat", directory / "flat.tar").blob.file)


def load_squashed(engine: Engine, source: SourceImage, plan: FilePlan, base: Draft, directory: Path) -> Draft:
    """Export a container of the layered image, and import it as one layer with the source's configuration."""
    return _squash(engine, source, base.image.id, plan, directory, CREATED_BY)


def load_exported_base(engine: Engine, source: SourceImage, image: str, plan: FilePlan, directory: Path) -> Draft:
    """Export a container of `image`, and import the entries of the plan as a base image made from `source`."""
    return _squash(engine, source, image, plan, directory, BASE_CREATED_BY)


def _squash(engine: Engine, source: SourceImage, image: str, plan: FilePlan, directory: Path, by: str) -> Draft:
    with engine.created_container(image, ["-"]) as container, container.export() as stream:
        one = rewrite_export(stream, plan, directory / "squashed.tar")
    draft = replace(_make_draft(source, "squashed", (one.blob,), one.hashes, by), skipped=one.skipped)
    reference = engine.temporary_name(draft.image.form)
    if existing := engine.name_existing(draft.image.id, reference):
        return replace(draft, image=draft.named(existing))
    # The imported image has the current time, and only those parts of the configuration that a Dockerfile can
    # express. So only its layer is used, with the exact configuration on top.
    try:
        with open(one.blob.file, "rb") as tar:
            engine.import_tar(tar, form=IMPORTED)
        return load_draft(engine, draft, directory)
    finally:
        engine.untag(engine.temporary_name(IMPORTED))


def _make_draft(
    source: SourceImage, form: str, blobs: tuple[LayerBlob, ...], hashes: Mapping[RootPath, str], by: str
) -> Draft:
    config = make_image_config(source, blobs, form, creation_time(source, os.environ), by)
    return make_config_draft(form, blobs, config, hashes)


def _load_archive(engine: Engine, image: SlimImage, config: bytes, directory: Path) -> SlimImage:
    """Load an image under its temporary name, and return it with that name and the engine's id.

    An image of this id that the engine has already, of an earlier run, is not loaded again.
    """
    reference = engine.temporary_name(image.form)
    if existing := engine.name_existing(image.id, reference):
        return replace(image, reference=existing)
    archive = directory / f"{image.form}-archive.tar"
    try:
        with open(archive, "wb") as file:
            write_archive(image.layers, config, reference, file)
        with open(archive, "rb") as file:
            engine.load(file)
    finally:
        archive.unlink(missing_ok=True)
    return replace(image, reference=reference, id=engine.image(reference).id)


def claim_names(engine: Engine, references: Iterable[str], *, force: bool) -> None:
    """Reserve names for this run.

    Raises SlimError for the name of an image that docker slim did not write, or that another run has reserved.
    """
    for reference in references:
        found = None if force else engine.find(reference)
        if found and not is_written_by_us(found):
            raise SlimError(
                f"cannot write to {reference}: another image has that name, and docker slim did not write it",
                hint="--tag OTHER-NAME, or --force to take the name away from it",
            )
        engine.lock_tag(reference)
