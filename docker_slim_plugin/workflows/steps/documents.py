"""Make the documents about an image that was written: SBOMs, whose digests become labels of it, and VEX."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.image.config import DOCUMENT_LABELS, add_labels, creation_time
from docker_slim_plugin.image.file_outputs import has_document, split_output
from docker_slim_plugin.image.writer import Draft, relabel
from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.inventory import Inventory
from docker_slim_plugin.model.plan import FilePlan, Group, KeptEntry, ReasonKind
from docker_slim_plugin.resolve.inventory.collect import merge_packages, read_inventory
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.sbom.content import Content, ListedFile, Subject, require_libraries
from docker_slim_plugin.sbom.cyclonedx import write_cyclonedx
from docker_slim_plugin.sbom.findings import MAX_REPORT, read_findings
from docker_slim_plugin.sbom.openvex import describe_judged, judge, write_openvex
from docker_slim_plugin.sbom.purls import make_product
from docker_slim_plugin.sbom.spdx import write_spdx
from docker_slim_plugin.workflows.steps.job import ImageJob

WRITERS = {"sbom": write_cyclonedx, "spdx": write_spdx}


def check_documents(outputs: Sequence[str]) -> None:
    """Raise SlimError if documents are asked for, and what makes them is missing."""
    if has_document(outputs):
        require_libraries()


def check_findings(job: ImageJob[Any]) -> None:
    """Raise SlimError if the vulnerabilities for a VEX file cannot be read: before the app is run."""
    if job.request.vex_for:
        job.sandbox.call(read_findings, _read_report(job.request.vex_for))


def add_documents(
    job: ImageJob[Any], source: SourceImage, rootfs: Rootfs, plan: FilePlan, draft: Draft
) -> tuple[Draft, SourceImage]:
    """Return the image with the requested documents about it, and the source with labels of their digests.

    The image is written, but not loaded: its layers have names, and its configuration can still change.
    """
    forms = {split_output(output)[0] for output in job.request.outputs}
    if not has_document(job.request.outputs):
        source = add_labels(source, {})
        return relabel(draft, source), source
    with job.clock.step("list the packages"):
        inventory = make_inventory(job, rootfs, plan, is_for_vex="vex" in forms)
        content = Content(
            subject=Subject(
                source=source.reference,
                source_id=source.id,
                level=plan.level,
                layers=tuple(layer.diff_id for layer in draft.image.layers),
                created=creation_time(source, os.environ),
            ),
            inventory=inventory,
            files=tuple(_list_files(job, rootfs, plan, draft, inventory, with_sha1="spdx" in forms)),
        )
        documents = {form: write(content) for form, write in WRITERS.items() if form in forms}
        labels = {
            DOCUMENT_LABELS[form]: f"sha256:{hashlib.sha256(text).hexdigest()}" for form, text in documents.items()
        }
        source = add_labels(source, labels)
        draft = relabel(draft, source)
        notes = inventory.notes
        unversioned = [one for one in inventory.present if not one.version]
        if unversioned:
            notes += (f"{len(unversioned)} packages are listed without a version ({unversioned[0].name!r} ...)",)
        if "vex" in forms:
            judged = judge(job.sandbox.call(read_findings, _read_report(job.request.vex_for)), inventory.packages)
            product = make_product(job.image_names.layered, draft.image.id)
            documents["vex"] = write_openvex(content, judged, product)
            notes += describe_judged(judged)
    return replace(draft, documents=documents, notes=notes), source


def make_inventory(job: ImageJob[Any], rootfs: Rootfs, plan: FilePlan, *, is_for_vex: bool) -> Inventory:
    """Return the packages of the source, and those of the base image if there is one."""
    own = tuple(kept.entry.path for kept in plan.kept if _is_of_source(kept))
    inventory = job.sandbox.call(read_inventory, rootfs, own, all_archives=is_for_vex)
    base = job.extras.base_image if plan.base else None
    if base is None:
        return inventory
    common = tuple(kept.entry.path for kept in plan.kept if kept.group is Group.COMMON)
    below = job.sandbox.call(read_inventory, base.rootfs, common, all_archives=False)
    distinct = set(own) - set(inventory.unowned) | set(common) - set(below.unowned)
    return replace(
        inventory,
        packages=merge_packages((*inventory.packages, *(one for one in below.packages if one.is_present or one.kept))),
        unowned=tuple(sorted({*inventory.unowned, *below.unowned} - distinct)),
        notes=(*inventory.notes, *below.notes),
    )


def _is_of_source(kept: KeptEntry) -> bool:
    """Return whether the source has the entry: it is not of the base alone, and not of the shell.

    An applet of the shell may have the path of a program that the source has, and that is not kept.
    """
    is_of_base_alone = all(reason.kind is ReasonKind.BASE for reason in kept.reasons)
    return kept.group is not Group.SHELL and not is_of_base_alone


def _list_files(
    job: ImageJob[Any], rootfs: Rootfs, plan: FilePlan, draft: Draft, inventory: Inventory, *, with_sha1: bool
) -> list[ListedFile]:
    """Return the files without a package: of the source, of the base image, and those that docker slim adds."""
    unowned = set(inventory.unowned)
    base = job.extras.base_image if plan.base else None
    found = []
    for kept in plan.kept:
        path = kept.entry.path
        is_added = kept.group is Group.SHELL
        if kept.entry.kind is EntryKind.FILE and path in draft.hashes and (path in unowned or is_added):
            tree = base.rootfs if base and kept.group is Group.COMMON else rootfs
            sha1 = _sha1(kept, tree) if with_sha1 else ""
            found.append(ListedFile(path=path, sha256=draft.hashes[path], sha1=sha1))
    return found


def _sha1(kept: KeptEntry, tree: Rootfs) -> str:
    if kept.content is not None:
        return hashlib.sha1(kept.content, usedforsecurity=False).hexdigest()
    with tree.reader.open(RootPath(kept.entry.path)) as file:
        return hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()  # type: ignore[arg-type]


def _read_report(name: str) -> bytes:
    try:
        with open(name, "rb") as file:
            report = file.read(MAX_REPORT + 1)
    except OSError as error:
        raise SlimError(f"cannot read {name}: {error.strerror}", hint="--vex-for FILE") from error
    if len(report) > MAX_REPORT:
        raise SlimError(f"cannot read {name}: it is larger than {MAX_REPORT >> 20} MiB", hint="--vex-for FILE")
    return report
