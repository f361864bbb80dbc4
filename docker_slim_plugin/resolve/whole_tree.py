"""Complete the kept files to the tree of the slim image: directories, symlinks to them, package metadata, groups."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.plan import FilePlan, Group, KeptEntry, Reason, ReasonKind, Selection
from docker_slim_plugin.resolve.kept_set import KeptSet
from docker_slim_plugin.resolve.layer_groups import assign_groups
from docker_slim_plugin.resolve.packages.documentation import is_documentation
from docker_slim_plugin.resolve.packages.metadata.cut import MetadataChoice, choose_metadata, make_contents
from docker_slim_plugin.resolve.packages.metadata.file_content import MetadataReader
from docker_slim_plugin.resolve.packages.ownership import Packages, package_name
from docker_slim_plugin.rootfs.index import Rootfs, parents

WRITABLE = ("/tmp", "/run", "/var", "/dev", "/proc", "/sys")  # noqa: S108
"""Directories that programs expect or write to, without naming them in a file."""
DIRECTORY = Reason(ReasonKind.DIRECTORY, "image", "directories stay")
LINK = Reason(ReasonKind.SYMLINK, "image", "leads to a directory")


MODULES = re.compile(r"/(?:python\d[\d.]*|site-packages|dist-packages)/.")
"""Matches directories in which Python looks for modules."""


def build_plan(kept_set: KeptSet, packages: Packages, selection: Selection, warnings: tuple[str, ...]) -> FilePlan:
    """Return the plan: the kept set, completed to a tree."""
    rootfs = kept_set.rootfs
    metadata_reader = MetadataReader(rootfs)
    choice = (
        MetadataChoice() if "pkgdb" in selection.hints_off else choose_metadata(kept_set, packages, metadata_reader)
    )
    empty = _empty_packages(kept_set)
    for path in empty:
        kept_set.reasons.pop(path, None)
    _add_directories(kept_set, choice.removed_directories | empty, is_sparse=bool(selection.requested))
    generated, metadata_warnings = make_contents(kept_set, choice, metadata_reader)
    group = assign_groups(rootfs, kept_set.reasons, packages)
    database = choice.database | frozenset(packages.database)
    kept: list[KeptEntry] = []
    for path in sorted(kept_set.reasons):
        entry, content = rootfs.entries[path], generated.get(path)
        if content is not None:
            entry = replace(entry, size=len(content), inode=0, links=1)
        kept.append(
            KeptEntry(
                entry=entry,
                reasons=kept_set.capped_reasons(path),
                group=Group.CONFIG if path in database else group[path],
                package=package_name(packages.owners.get(path, "")),
                content=content,
            )
        )
    files, size = _count_files(rootfs)
    warnings = (*warnings, *choice.warnings, *metadata_warnings)
    return FilePlan(kept=tuple(kept), total_files=files, total_bytes=size, warnings=warnings, notes=choice.notes)


def _add_directories(kept_set: KeptSet, removed: Collection[RootPath], *, is_sparse: bool) -> None:
    """Keep the directories of the image, except those in `removed`.

    A sparse tree keeps only parents of kept paths and directories below WRITABLE.
    """
    rootfs = kept_set.rootfs
    for path in [path for path in kept_set.reasons if path != "/"]:
        for parent in parents(path):
            if DIRECTORY in kept_set.reasons.get(parent, ()):
                break
            kept_set.keep(parent, DIRECTORY)
    for path, entry in rootfs.entries.items():
        if entry.kind is not EntryKind.DIRECTORY or is_documentation(path) or path in removed:
            continue
        if not is_sparse or path.startswith(tuple(f"{top}/" for top in WRITABLE)) or path in WRITABLE:
            kept_set.keep(path, DIRECTORY)
    links = [entry.path for entry in rootfs.entries.values() if entry.kind is EntryKind.SYMLINK]
    for link in links:
        reachable = not is_documentation(link) and next(parents(link)) in kept_set.reasons
        end = rootfs.find(link) if reachable else None
        if end is not None and end.kind is EntryKind.DIRECTORY and end.path in kept_set.reasons:
            kept_set.keep(link, LINK)


def _empty_packages(kept_set: KeptSet) -> frozenset[RootPath]:
    """Return the directories of Python modules of which no file is kept, and that have files in the image.

    Such a directory would be a package to Python (PEP 420): its import would succeed, and its use would fail later.
    """
    entries = kept_set.rootfs.entries
    kept = {path for path in kept_set.reasons if entries[path].kind is not EntryKind.DIRECTORY}
    used = {parent for path in kept for parent in parents(path)}
    return frozenset(
        path
        for path, entry in entries.items()
        if entry.kind is EntryKind.DIRECTORY
        and path not in used
        and MODULES.search(path)
        and kept_set.rootfs.children.get(path)
    )


def _count_files(rootfs: Rootfs) -> tuple[int, int]:
    """Return number and total bytes of the image's files. Hard-linked files count once."""
    number = size = 0
    linked: dict[int, int] = {}
    for entry in rootfs.entries.values():
        if entry.kind is not EntryKind.DIRECTORY:
            number += 1
            if entry.inode and entry.links > 1:
                linked[entry.inode] = entry.size
            else:
                size += entry.size
    return number, size + sum(linked.values())
