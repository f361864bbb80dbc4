"""Glob patterns on image paths, as --keep, --drop and --keep-all-of take them.

`*`, `?` and `[...]` stay within one component, `**` crosses any number of them, a trailing slash changes nothing. A
pattern without a leading slash matches at any depth ("*.conf" is "/**/*.conf"). Symlinked directories that a pattern
names are followed, so "/bin/sh" finds /usr/bin/sh in a merged-/usr image; the last component never is.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.rootfs.index import ROOT, Rootfs

MAX_PATTERN = 4096
"""Characters, as many as a path may have; the files of an image hold patterns too."""
MAX_UNCLOSED = 16
WILD = re.compile(r"[*?\[]")


def find_matches(rootfs: Rootfs, pattern: str) -> frozenset[RootPath]:
    """Return the canonical paths that `pattern` names, what lies below a directory not included."""
    if len(pattern) > MAX_PATTERN:
        return frozenset()
    # A set of places for each component, not a search of every way through: ** twice costs twice, not squared.
    absolute = pattern if pattern.startswith("/") else f"**/{pattern}"
    matched = {ROOT}
    for part in (part for part in absolute.split("/") if part not in ("", ".")):
        directories = {end for path in matched if (end := _directory(rootfs, path)) is not None}
        matched = set(_match_part(rootfs, directories, part))
    return frozenset(matched)


def expand_trees(rootfs: Rootfs, roots: Iterable[RootPath]) -> frozenset[RootPath]:
    """Return `tops` and all that lies below those which are directories."""
    found: set[RootPath] = set()
    # Sorted, a directory comes before what lies below it: no tree is walked twice.
    for root in sorted(roots):
        if root not in found:
            found.update(entry.path for entry in rootfs.below(root))
    return frozenset(found)


def _directory(rootfs: Rootfs, path: RootPath) -> RootPath | None:
    entry = rootfs.entries.get(path)
    if entry is not None and entry.kind is EntryKind.SYMLINK:
        entry = rootfs.find(path)
    return entry.path if entry is not None and entry.kind is EntryKind.DIRECTORY else None


def _match_part(rootfs: Rootfs, directories: set[RootPath], part: str) -> Iterator[RootPath]:
    if part == "**":
        yield from expand_trees(rootfs, directories)
    elif part == "..":
        yield from (RootPath(directory.rpartition("/")[0] or "/") for directory in directories)
    elif WILD.search(part):
        is_match = _compile_part(part)
        for directory in directories:
            yield from (_join(directory, name) for name in rootfs.children.get(directory, ()) if is_match(name))
    else:
        yield from (path for directory in directories if (path := _join(directory, part)) in rootfs.entries)


def _compile_part(part: str) -> Callable[[str], object]:
    """Return what tells whether a name fits.

    fnmatch looks for the end of each "[" as far as the pattern goes, so where many have none they are spelled out.
    """
    closed, bracket, rest = part.rpartition("]")
    if rest.count("[") > MAX_UNCLOSED:
        part = closed + bracket + rest.replace("[", "[[]")
    return re.compile(fnmatch.translate(part)).match


def _join(directory: RootPath, name: str) -> RootPath:
    return RootPath(f"{'' if directory == ROOT else directory}/{name}")
