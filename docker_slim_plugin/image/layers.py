"""Split a plan into layers: base below runtime below app below config. Entries of the base image are in none."""

from __future__ import annotations

from collections.abc import Iterable

from docker_slim_plugin.image.tar import HardLinkKey, hard_link_key
from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.plan import FilePlan, Group, KeptEntry
from docker_slim_plugin.rootfs.index import parents


def split_layers(plan: FilePlan) -> tuple[tuple[Group, tuple[KeptEntry, ...]], ...]:
    """Return the layers that are not empty, lowest first, with entries sorted by path.

    Every layer has all parent directories of its files with their exact metadata. If a layer leaves out a directory,
    docker makes up its metadata and hides that of the lower layer. All other directories are in the lowest layer. All
    names of a hard-linked file are in one layer.
    """
    directories = {kept.entry.path: kept for kept in plan.kept if kept.entry.kind is EntryKind.DIRECTORY}
    files: dict[Group, list[KeptEntry]] = {group: [] for group in Group}
    lowest = _lowest_of_links(plan.kept)
    for kept in plan.kept:
        if kept.entry.kind is not EntryKind.DIRECTORY:
            inode = hard_link_key(kept) if kept.group is not Group.COMMON else None
            files[kept.group if inode is None else lowest[inode]].append(kept)
    groups = [group for group in Group if files[group] and group is not Group.COMMON]
    if groups in ([], [Group.SHELL]):
        groups = [Group.BASE, *groups]
    layers = []
    for group in groups:
        # Directories that only the shell's layer needs, and directories of the base image, are not in other layers.
        own = {path: kept for path, kept in directories.items() if kept.group not in (Group.SHELL, Group.COMMON)}
        layer: dict[RootPath, KeptEntry] = own if group is groups[0] else {}
        for kept in files[group]:
            layer[kept.entry.path] = kept
            layer |= {parent: directories[parent] for parent in parents(kept.entry.path)}
        layers.append((group, tuple(layer[path] for path in sorted(layer))))
    return tuple(layers)


def single_layer(plan: FilePlan) -> tuple[tuple[Group, tuple[KeptEntry, ...]], ...]:
    """Return all of the plan as one layer, in the format of `split_layers`."""
    return ((Group.BASE, tuple(sorted(plan.kept, key=lambda kept: kept.entry.path))),)


def _lowest_of_links(kept: Iterable[KeptEntry]) -> dict[HardLinkKey, Group]:
    """Return the lowest group among the names of each hard-linked file."""
    order = list(Group)
    lowest: dict[HardLinkKey, Group] = {}
    for one in kept:
        inode = hard_link_key(one) if one.group is not Group.COMMON else None
        if inode is not None:
            lowest[inode] = min(lowest.get(inode, one.group), one.group, key=order.index)
    return lowest
