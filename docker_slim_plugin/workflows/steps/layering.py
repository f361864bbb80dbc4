"""Place a plan on a base image, and add a shell to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.image.merged_layers import find_linked_alike
from docker_slim_plugin.image.parent import BaseImage, hash_file, open_base_image
from docker_slim_plugin.image.tar import storable_xattrs
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.plan import Busybox, FilePlan, Group, KeptEntry, Reason, ReasonKind
from docker_slim_plugin.resolve.busybox import add_shell
from docker_slim_plugin.resolve.packages.metadata.merge import merge_metadata
from docker_slim_plugin.resolve.packages.os_release import read_distribution
from docker_slim_plugin.resolve.resolution import find_metadata_directories, invalid_plan, limit_texts, replace_content
from docker_slim_plugin.rootfs.index import Rootfs, parents
from docker_slim_plugin.rootfs.sandbox import Caller, Sandbox
from docker_slim_plugin.workflows.steps import shell


class LayeringOptions(Protocol):
    """The fields of a request that apply here."""

    @property
    def shell(self) -> str: ...
    @property
    def base(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Extras:
    """The requested base and shell."""

    base_image: BaseImage | None = None
    shell: Busybox | None = None


@contextmanager
def open_extras(
    engine: Engine, source: SourceImage, options: LayeringOptions, directory: Path, sandbox: Sandbox
) -> Iterator[Extras]:
    """Yield the requested base and shell. The base can be read until the context ends."""
    busybox = shell.find_busybox(engine, source, options.shell, sandbox) if options.shell else None
    if not options.base:
        yield Extras(None, busybox)
        return
    with open_base_image(engine, options.base, source, directory, sandbox) as base_image:
        yield Extras(base_image, busybox)


def complete_plan(plan: FilePlan, rootfs: Rootfs, extras: Extras, sandbox: Caller) -> FilePlan:
    """Return the whole plan: the kept files on the base, with the shell on top."""
    return add_shell(
        place_on_base(plan, rootfs, extras.base_image, sandbox) if extras.base_image else plan, extras.shell
    )


def place_on_base(plan: FilePlan, rootfs: Rootfs, base_image: BaseImage, sandbox: Caller) -> FilePlan:
    """Return the plan on the tree of the base.

    Entries that the base has bit for bit are taken from it, and its other entries stay. A base of another distribution
    shares nothing: the plan is returned without it, with a warning.
    """
    image_distribution, base_distribution = (
        sandbox.call(read_distribution, one) for one in (rootfs, base_image.rootfs)
    )
    if all(base_distribution) and image_distribution != base_distribution:
        names = " ".join(base_distribution), " ".join(image_distribution).strip() or "of no known distribution"
        warning = f"the base {base_image.reference} is {names[0]}, the image {names[1]}"
        warning += ": nothing can be shared, so the base is not used"
        return replace(plan, warnings=(*plan.warnings, warning))
    base = base_image.rootfs.entries
    reason = Reason(ReasonKind.BASE, base_image.reference, "bit for bit")
    planned = plan.by_path()
    contents, warnings = sandbox.call(merge_metadata, plan.kept, rootfs, base_image.rootfs)
    merged = {**planned, **dict(_replace_contents(contents, planned, base_image.rootfs))}
    same = {path for path, kept in merged.items() if _is_shared(kept, rootfs, base_image)}
    # Names that are of one file in only one of the trees are written anew.
    shared = set(find_linked_alike(base, {path: kept.entry for path, kept in merged.items()}, same))
    needed = {parent for path in planned if path not in shared for parent in parents(path)}
    result: dict[RootPath, KeptEntry] = {}
    for path, kept in merged.items():
        # A directory that one of our layers contains anyway has the metadata of the source.
        is_shared = path in shared and path not in needed
        if is_shared:
            result[path] = KeptEntry(
                entry=base[path], group=Group.COMMON, reasons=tuple(sorted((*kept.reasons, reason)))
            )
        else:
            result[path] = kept
    non_directories = {path for path, kept in merged.items() if not _is_directory(kept)}
    base_reason = Reason(ReasonKind.BASE, base_image.reference, "stays")
    for path, entry in base.items():
        if path not in result and not any(parent in non_directories for parent in parents(path)):
            result[path] = KeptEntry(entry=entry, reasons=(base_reason,), group=Group.COMMON)
    tree = tuple(result[path] for path in sorted(result))
    return replace(plan, kept=tree, base=base_image.reference, warnings=(*plan.warnings, *limit_texts(warnings)))


def _replace_contents(
    contents: Mapping[RootPath, bytes], planned: Mapping[RootPath, KeptEntry], base: Rootfs
) -> Iterator[tuple[RootPath, KeptEntry]]:
    """Yield the kept entries that get new content. Raises SlimError if that is not package metadata."""
    places = find_metadata_directories(base)
    for path, content in contents.items():
        kept, below = planned.get(path), base.entries.get(path)
        if kept is None or below is None:
            raise invalid_plan(f"{path!r} is not in both")
        entry = replace_content(kept.entry, content, places, below.size)
        yield path, replace(kept, content=content, entry=entry)


def _is_directory(kept: KeptEntry) -> bool:
    return kept.entry.kind is EntryKind.DIRECTORY


def _is_shared(kept: KeptEntry, rootfs: Rootfs, base_image: BaseImage) -> bool:
    """Return whether the base has the same entry. The times of directories are not compared."""
    own_entry, base_entry = kept.entry, base_image.rootfs.entries.get(kept.entry.path)
    if base_entry is None or _comparable_metadata(own_entry) != _comparable_metadata(base_entry):
        return False
    if kept.content is not None:
        return hashlib.sha256(kept.content).hexdigest() == base_image.hash(own_entry.path)
    if own_entry.kind is EntryKind.DIRECTORY:
        return True
    if own_entry.mtime_ns != base_entry.mtime_ns:
        return False
    return own_entry.kind is not EntryKind.FILE or hash_file(rootfs, own_entry.path) == base_image.hash(own_entry.path)


def _comparable_metadata(entry: Entry) -> tuple[object, ...]:
    size = entry.size if entry.kind is EntryKind.FILE else 0
    return (entry.kind, entry.mode, entry.uid, entry.gid, size, entry.target, entry.device, storable_xattrs(entry))
