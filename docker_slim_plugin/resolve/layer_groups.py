"""Assign each kept path to a layer group: base, runtime, app or config."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.plan import Group
from docker_slim_plugin.resolve.packages.ownership import Packages
from docker_slim_plugin.rootfs.index import Rootfs, parents

ORDER = {group: rank for rank, group in enumerate(Group)}
RPM_TREES = ("/usr/", "/lib/", "/lib64/", "/bin/", "/sbin/")
BYTECODE = re.compile(r"(.*/)__pycache__/([^/.]+)\.[^/]*\.pyc", re.DOTALL)


def assign_groups(rootfs: Rootfs, kept: Collection[RootPath], packages: Packages) -> dict[RootPath, Group]:
    """Return the group of each of the `kept` paths.

    A directory is in the lowest group of its kept content. An empty directory is in the group of its parent. Hence no
    layer has a file whose directory is only in a higher layer. All names of a hard-linked file are in one group.
    """
    found: dict[RootPath, Group] = {}
    unowned_links: list[Entry] = []
    for path in kept:
        entry = rootfs.entries[path]
        if entry.kind is EntryKind.SYMLINK and path not in packages.owners and not path.startswith("/etc/"):
            unowned_links.append(entry)
        elif entry.kind is not EntryKind.DIRECTORY:
            found[path] = _group_by_owner(path, packages)
    _unite_hard_links(rootfs, found)
    # A symlink without a package (an alternative, /bin in a merged /usr) is in the group of its target.
    directories = _assign_directories(rootfs, kept, found)
    for entry in unowned_links:
        end = rootfs.walk(entry.path).end
        target = None if end is None else found.get(end) or directories.get(end)
        found[entry.path] = target or Group.APP
    return found | _assign_directories(rootfs, kept, found)


def _group_by_owner(path: RootPath, packages: Packages) -> Group:
    if path.startswith("/etc/") or path in packages.conffiles:
        return Group.CONFIG
    owner = packages.owners.get(path) or packages.owners.get(_bytecode_source(path))
    if owner is None:
        rpm = bool(packages.unreadable_reason) and path.startswith(RPM_TREES) and not path.startswith("/usr/local/")
        return Group.RUNTIME if rpm else Group.APP
    return Group.BASE if owner in packages.base else Group.RUNTIME


def _bytecode_source(path: RootPath) -> RootPath:
    """Return the Python source file of a bytecode file, or the path itself for any other file.

    Maintainer scripts compile the bytecode, so no package lists it.
    """
    match = BYTECODE.fullmatch(path)
    return RootPath(f"{match[1]}{match[2]}.py") if match else path


def _unite_hard_links(rootfs: Rootfs, found: dict[RootPath, Group]) -> None:
    names: dict[int, list[RootPath]] = {}
    for path in found:
        entry = rootfs.entries[path]
        if entry.links > 1 and entry.inode:
            names.setdefault(entry.inode, []).append(path)
    for paths in names.values():
        found.update(dict.fromkeys(paths, _lowest(found[path] for path in paths)))


def _assign_directories(
    rootfs: Rootfs, kept: Collection[RootPath], found: dict[RootPath, Group]
) -> dict[RootPath, Group]:
    lowest: dict[RootPath, Group] = {}
    for path, group in found.items():
        for parent in parents(path):
            if parent in lowest and ORDER[lowest[parent]] <= ORDER[group]:
                break
            lowest[parent] = group
    for path in sorted(path for path in kept if rootfs.entries[path].kind is EntryKind.DIRECTORY):
        if path not in lowest:
            lowest[path] = next((lowest[parent] for parent in parents(path) if parent in lowest), Group.BASE)
    return lowest


def _lowest(groups: Iterable[Group]) -> Group:
    return min(groups, key=ORDER.__getitem__)
