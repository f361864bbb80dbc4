"""Implement `docker slim base`: read the image, purge packages, drop files, write one layer, and check the result."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from docker_slim_plugin.base import file_kinds, package_manager
from docker_slim_plugin.base.dpkg_selections import InstalledPackages, read_installed
from docker_slim_plugin.base.plan import make_base_plan, package_sizes
from docker_slim_plugin.base.report import BaseReport
from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host.workspace import workspace
from docker_slim_plugin.image import writer
from docker_slim_plugin.image.config import is_slim
from docker_slim_plugin.image.names import make_base_name
from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.image import SlimImage, SourceImage
from docker_slim_plugin.model.plan import FilePlan
from docker_slim_plugin.model.request import BaseRequest
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.resolve.packages import ownership
from docker_slim_plugin.resolve.packages.ownership import Packages, package_name
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.rootfs.pristine import PristineTree
from docker_slim_plugin.rootfs.sandbox import Sandbox
from docker_slim_plugin.workflows.steps.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageContent:
    """The content of an image."""

    image: SourceImage
    rootfs: Rootfs
    packages: Packages
    installed: InstalledPackages
    notes: tuple[str, ...]


def make_base(request: BaseRequest, progress: Progress) -> BaseReport:
    """Write a smaller base image of `request.image`.

    Returns what was dropped, what that saves, and what else could be dropped.
    """
    clock = Clock(progress)
    if os.geteuid() != 0:
        raise SlimError("cannot read an image's files without root", hint="sudo docker slim base ...")
    rules = file_kinds.make_rules(request.drop, request.locales)
    others = file_kinds.make_rules(frozenset(file_kinds.NAMES) - request.drop, request.locales)
    with clock.step("inspect"):
        engine = Engine.connect(request.global_options)
        source = engine.source(request.image, pull="missing", platform="")
        if is_slim(source):
            hint = "use the image that it was made from"
            raise SlimError(f"cannot make a base of {request.image}: it is a slim image", hint=hint)
        target_name = make_base_name(source, request.tag)
        if not request.dry_run:
            engine.lock_tag(target_name)
    with (
        engine.cleanup(),
        Sandbox() as sandbox,
        purge_packages(engine, source, request, clock, sandbox) as (content, remaining, replacements),
    ):
        rules = _active_rules(rules, remaining.rootfs, progress)
        unpurged_plan, base_plan = (make_base_plan(one.rootfs, rules, source.config) for one in (content, remaining))
        kept = Rootfs.of([one.entry for one in base_plan.plan.kept], remaining.rootfs.reader)
        report = BaseReport(
            source=content.image,
            dropped=unpurged_plan.dropped,
            left=make_base_plan(kept, others, source.config).dropped,
            purged=request.purge,
            purged_size=unpurged_plan.size - base_plan.size,
            replacements=replacements,
            kept_size=base_plan.size,
            unneeded=remaining.installed.find_unneeded(package_sizes(base_plan.plan, remaining.packages)),
            warnings=(
                *remaining.notes,
                *base_plan.plan.warnings,
                *_unmatched_locales(request.locales, remaining.rootfs),
            ),
        )
        if not request.dry_run:
            image, skipped = write_base(engine, source, remaining.image, base_plan.plan, target_name, clock)
            report = replace(report, image=image, warnings=(*report.warnings, *skipped))
    return replace(report, seconds=clock.seconds())


def _active_rules(rules: Sequence[file_kinds.Rule], rootfs: Rootfs, progress: Progress) -> tuple[file_kinds.Rule, ...]:
    """Return the rules without those of kinds whose files an installed program needs."""
    wanted = file_kinds.find_needed_kinds({rule.kind.name for rule in rules}, rootfs.entries)
    for name, program in wanted.items():
        progress.note(f"{name} are kept: {program} exists and may need them")
    return tuple(rule for rule in rules if rule.kind.name not in wanted)


@contextmanager
def purge_packages(
    engine: Engine, source: SourceImage, request: BaseRequest, clock: Clock, sandbox: Sandbox
) -> Iterator[tuple[ImageContent, ImageContent, tuple[str, ...]]]:
    """Yield the content of the image, the content without the purged packages, and the packages that replaced them.

    The second content is read from a temporary image, which is removed at the end.
    """
    with clock.step("read"):
        content = read_content(engine, source, sandbox)
    wanted = package_manager.plan_purge(content.installed, request.purge, request.image)
    if request.dry_run or not wanted.names:
        yield content, remove_packages(content, wanted.names), wanted.replacements
        return
    try:
        with clock.step("purge"):
            replacements = package_manager.purge(engine, source.id, wanted)
        with clock.step("read again"):
            remaining = read_content(engine, engine.image(engine.temporary_name(package_manager.FORM)), sandbox)
        yield content, remaining, replacements
    finally:
        engine.untag(engine.temporary_name(package_manager.FORM))


def read_content(engine: Engine, source: SourceImage, sandbox: Sandbox) -> ImageContent:
    """Return the content of the image. Raises SlimError if its packages are not those of dpkg and apt."""
    with PristineTree(engine, source, sandbox) as tree:
        rootfs, notes = tree.wait()
        database = sandbox.call(ownership.read, rootfs)
        found = sandbox.call(read_installed, database.stanzas)
    if database.system != "dpkg" or rootfs.find("/usr/bin/apt-get") is None:
        raise SlimError(
            f"cannot make a base of {source.reference}: {_UNSUPPORTED.get(database.system, _UNSUPPORTED[''])}",
            hint="docker slim run IMAGE slims an app, whatever it is built on",
        )
    return ImageContent(image=tree.measured(), rootfs=rootfs, packages=database, installed=found, notes=notes)


_UNSUPPORTED = {
    "dpkg": "it has no apt-get to install packages with",
    "distroless": "it has packages, but no package manager",
    "apk": "its packages are apk's; only those of dpkg and apt can be handled",
    "rpm": "its packages are rpm's; only those of dpkg and apt can be handled",
    "": "it has no package database",
}


def remove_packages(content: ImageContent, names: Collection[str]) -> ImageContent:
    """Return the content without these packages, not including any effects of their maintainer scripts."""
    if not names:
        return content
    owners = content.packages.owners
    remaining = [
        entry for path, entry in content.rootfs.entries.items() if package_name(owners.get(path, "")) not in names
    ]
    installed = {name: one for name, one in content.installed.packages.items() if name not in names}
    return replace(content, rootfs=Rootfs.of(remaining, content.rootfs.reader), installed=InstalledPackages(installed))


def write_base(
    engine: Engine, source: SourceImage, exported: SourceImage, plan: FilePlan, target_name: str, clock: Clock
) -> tuple[SlimImage, tuple[str, ...]]:
    """Write the base, check it, and name it. Returns it, and a warning about entries that no layer can store."""
    with ExitStack() as stack:
        directory = stack.enter_context(workspace(engine.run_id))
        stack.callback(engine.untag, engine.temporary_name("squashed"))
        with clock.step("write"):
            draft = writer.load_exported_base(engine, source, exported.id, plan, directory)
        with clock.step("verify"):
            package_manager.check_packages(engine, draft.image.id)
        engine.tag_image(draft.image.id, target_name)
    return draft.named(target_name), draft.warnings


def _unmatched_locales(locales: Collection[str], rootfs: Rootfs) -> tuple[str, ...]:
    languages = rootfs.children.get(RootPath("/usr/share/locale"), ())
    unmatched = [locale for locale in locales if not any(name[:2] == locale[:2] for name in languages)]
    return tuple(f"--keep-locale {locale}: the image has no messages in that language" for locale in unmatched)
