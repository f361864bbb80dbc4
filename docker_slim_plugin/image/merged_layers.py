"""Merge the highest layers of an image into one: what it changes of the tree below, and the new configuration."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from docker_slim_plugin.image.config import MERGED_BY
from docker_slim_plugin.image.tar import HardLinkKey, hard_link_key
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.plan import Group, KeptEntry, Reason, ReasonKind
from docker_slim_plugin.rootfs.index import Rootfs, all_parents, parents

_WHOLE = Reason(ReasonKind.KEEP, "squash", "all of the image")


class Changes(NamedTuple):
    """What a layer does to the tree below."""

    written: tuple[RootPath, ...]
    """Sorted, with the parents of all that is written or deleted."""
    deleted: tuple[RootPath, ...]
    """Sorted; of a deleted directory, itself alone."""


def keep_all(rootfs: Rootfs) -> tuple[KeptEntry, ...]:
    """Return all entries of a tree."""
    return tuple(
        KeptEntry(entry=rootfs.entries[path], reasons=(_WHOLE,), group=Group.BASE) for path in sorted(rootfs.entries)
    )


def find_changes(below: Rootfs, tree: Rootfs, is_same_file: Callable[[RootPath], bool]) -> Changes:
    """Return what turns the tree `below` into `tree`.

    `is_same_file` compares the content of a file that has the same metadata in both. If one name of a hard-linked file
    is written, all of them are: a layer cannot link to a lower one. Names that are of one file in only one of the trees
    are written too.
    """
    alike = {
        path
        for path, entry in tree.entries.items()
        if (other := below.entries.get(path)) is not None
        and _metadata(entry) == _metadata(other)
        and (entry.kind is not EntryKind.FILE or _is_same_inode(entry, other) or is_same_file(path))
    }
    same = set(find_linked_alike(below.entries, tree.entries, alike))
    written = {path for path in tree.entries if path not in same}
    deleted = tuple(sorted(_find_deleted(below, tree)))
    return Changes(tuple(sorted(written | all_parents((*written, *deleted)))), deleted)


def _metadata(entry: Entry) -> Entry:
    # The inode is compared where it tells something. The number of links may differ with names that are gone.
    return replace(entry, inode=0, links=1)


def _is_same_inode(entry: Entry, other: Entry) -> bool:
    """Tell whether both are the file of one layer. The trees are of one image, on one file system."""
    return entry.inode != 0 and entry.inode == other.inode


def find_linked_alike(
    below: Mapping[RootPath, Entry], tree: Mapping[RootPath, Entry], alike: Iterable[RootPath]
) -> Iterator[RootPath]:
    """Yield the names of `alike` that have the same other names in both trees.

    All names of the file in `tree` are among `alike`; in `below`, names that are not do not count: they are replaced.
    """
    files = {path: (_file_of(tree[path]), _file_of(below[path])) for path in alike}
    names = Counter(map(_file_of, tree.values()))
    names_below = Counter(lower for _, lower in files.values())
    names_in_both = Counter(files.values())
    for path, (upper, lower) in files.items():
        if names_in_both[upper, lower] == names[upper] == names_below[lower]:
            yield path


def _file_of(entry: Entry) -> HardLinkKey | RootPath:
    """Return a key that is equal for all names of one file."""
    return hard_link_key(KeptEntry(entry=entry, reasons=(_WHOLE,))) or entry.path


def _find_deleted(below: Rootfs, tree: Rootfs) -> Iterable[RootPath]:
    """Yield the paths that are gone, and whose parent is still a directory."""
    for path in below.entries:
        if path in tree.entries:
            continue
        parent = tree.entries.get(next(parents(path)))
        if parent is not None and parent.kind is EntryKind.DIRECTORY:
            yield path


def make_merged_config(
    config: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    diff_ids: Sequence[str],
    staying: int,
    created: str,
) -> bytes:
    """Return the configuration of an image whose lowest `staying` layers stay, and whose other ones are merged.

    All is as in `config`, unknown fields too. Steps of the history whose layers were merged stay as steps without a
    layer, as `docker build --squash` leaves them. The same input gives the same bytes.
    """
    steps: list[dict[str, Any]] = []
    seen = 0
    for step in history:
        is_merged = not step.get("empty_layer") and seen >= staying
        seen += not step.get("empty_layer")
        steps.append({**step, "empty_layer": True} if is_merged else dict(step))
    merged: dict[str, Any] = {"created_by": f"{MERGED_BY} {seen - staying} layers"}
    steps.append(({"created": created} if created else {}) | merged)
    document = {**config, "rootfs": {"type": "layers", "diff_ids": list(diff_ids)}, "history": steps}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
