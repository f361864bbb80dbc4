"""Glob patterns on image paths, as --keep, --drop and --keep-all-of take them.

`*`, `?` and `[...]` stay within one component, `**` crosses any number of them, a trailing slash changes nothing. A
pattern without a leading slash matches at any depth ("*.conf" is "/**/*.conf"). Symlinked directories that a pattern
names are followed, so "/bin/sh" finds /usr/bin/sh in a merged-/usr image; the last component never is.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator

from docker_slim_plugin.model import EntryKind, RootPath
from docker_slim_plugin.rootfs import ROOT, Rootfs

WILD = re.compile(r"[*?\[]")


def matches(rootfs: Rootfs, pattern: str) -> frozenset[RootPath]:
    """Return the canonical paths that `pattern` names, what lies below a directory not included."""
    # A set of places for each component, not a search of every way through: ** twice costs twice, not squared.
    absolute = pattern if pattern.startswith("/") else f"**/{pattern}"
    here = {ROOT}
    for part in (part for part in absolute.split("/") if part not in ("", ".")):
        directories = {end for path in here if (end := _directory(rootfs, path)) is not None}
        here = set(_step(rootfs, directories, part))
    return frozenset(here)


def trees(rootfs: Rootfs, tops: Iterable[RootPath]) -> frozenset[RootPath]:
    """Return `tops` and all that lies below those which are directories."""
    return frozenset(entry.path for top in tops for entry in rootfs.below(top))


def _directory(rootfs: Rootfs, path: RootPath) -> RootPath | None:
    entry = rootfs.entries.get(path)
    if entry is not None and entry.kind is EntryKind.SYMLINK:
        entry = rootfs.find(path)
    return entry.path if entry is not None and entry.kind is EntryKind.DIRECTORY else None


def _step(rootfs: Rootfs, directories: set[RootPath], part: str) -> Iterator[RootPath]:
    if part == "**":
        yield from trees(rootfs, directories)
    elif part == "..":
        yield from (RootPath(directory.rpartition("/")[0] or "/") for directory in directories)
    elif WILD.search(part):
        fits = re.compile(fnmatch.translate(part)).match
        for directory in directories:
            yield from (_join(directory, name) for name in rootfs.children.get(directory, ()) if fits(name))
    else:
        yield from (path for directory in directories if (path := _join(directory, part)) in rootfs.entries)


def _join(directory: RootPath, name: str) -> RootPath:
    return RootPath(f"{'' if directory == ROOT else directory}/{name}")
