"""The stored report of a slim image, and the source that it was made of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.image.names import make_names
from docker_slim_plugin.model.entry import EntryKind
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.plan import Selection
from docker_slim_plugin.model.request import PackRequest
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.report import stored
from docker_slim_plugin.report.changes import SourceFile
from docker_slim_plugin.report.stored import StoredReport
from docker_slim_plugin.resolve.layer_groups import assign_groups
from docker_slim_plugin.resolve.packages import ownership
from docker_slim_plugin.resolve.packages.ownership import package_name
from docker_slim_plugin.rootfs.sandbox import Sandbox
from docker_slim_plugin.workflows.steps.clock import Clock
from docker_slim_plugin.workflows.steps.job import ImageJob, open_image


def find_report(image: str, file: str, global_options: tuple[str, ...]) -> tuple[Engine | None, StoredReport, str]:
    """Return the engine, the report of `image`, and its file: the given one, or the stored one.

    The engine is None if it does not answer, which only the stored report needs. SlimError when there is no report.
    """
    if file:
        report = stored.load(file)
        try:
            return Engine.connect(global_options), report, file
        except SlimError:
            return None, report, file
    engine = Engine.connect(global_options)
    found_image = engine.image(image)
    found = stored.find(found_image.id, found_image.layers, os.environ)
    if found is None:
        raise SlimError(
            f"cannot explain {image}: no report of docker slim about it is stored for this user",
            hint=f"--report FILE, the name of a slim image, or docker slim run {image}",
        )
    return engine, found[1], found[0]


@contextmanager
def open_source(engine: Engine, source: SourceImage, progress: Progress) -> Iterator[ImageJob[PackRequest]]:
    """Yield a job that can read the source, and resolve what a path of it needs. Nothing of it is run."""
    request = PackRequest(image=source.reference, selection=Selection())
    with open_image(request, engine, source, source, make_names(source, ""), Clock(progress), Sandbox()) as job:
        with job.clock.step("read the source"):
            job.tree.wait()
        yield job


def read_source_files(job: ImageJob[PackRequest]) -> dict[str, SourceFile]:
    """Return the source's paths that are not directories."""
    rootfs, _ = job.tree.wait()
    packages = job.sandbox.call(ownership.read, rootfs)
    groups = assign_groups(rootfs, rootfs.entries, packages)
    return {
        entry.path: SourceFile(
            len(os.fsencode(entry.target)) if entry.kind is EntryKind.SYMLINK else entry.size,
            package_name(packages.owners.get(entry.path, "")),
            entry.inode if entry.links > 1 else 0,
            groups[entry.path],
        )
        for entry in rootfs.entries.values()
        if entry.kind is not EntryKind.DIRECTORY
    }
