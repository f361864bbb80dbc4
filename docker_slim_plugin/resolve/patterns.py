"""Match glob patterns on image paths, as --keep, --drop and --keep-all-of take them.

`*`, `?` and `[...]` match within one component, and `**` matches any number of components. A trailing slash has no
effect. A pattern without a leading slash matches at any depth ("*.conf" means "/**/*.conf"). Symlinks to directories
are followed, so "/bin/sh" finds /usr/bin/sh in a merged-/usr image. The last component is not followed.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.rootfs.index import ROOT, Rootfs

MAX_PATTERN = 4096
"""Longest pattern in characters, equal to PATH_MAX. Files of an image hold patterns too, so there has to be a limit."""
MAX_UNCLOSED = 16
WILD = re.compile(r"[*?\[]")


def find_matches(rootfs: Rootfs, pattern: str) -> frozenset[RootPath]:
    """Return the canonical paths that match `pattern`. Paths below a matching directory are not included."""
    if len(pattern) > MAX_PATTERN:
        return frozenset()
    # Keep the set of matches for each component instead of backtracking: a second ** doubles the time, not squares it.
    absolute = pattern if pattern.startswith("/") else f"**/{pattern}"
    matched = {ROOT}
    for part in (part for part in absolute.split("/") if part not in ("", ".")):
        directories = {end for path in matched if (end := _directory(rootfs, path)) is not None}
        matched = set(_match_part(rootfs, directories, part))
    return frozenset(matched)


def expand_trees(rootfs: Rootfs, roots: Iterable[RootPath]) -> frozenset[RootPath]:
    """Return `roots` and, for each root that is a directory, all paths below it."""
    found: set[RootPath] = set()
    # In sorted order a directory comes before the paths below it, so no tree is walked twice.
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
    """Return a function that matches one component of a pattern against a name.

    fnmatch searches the rest of the pattern for the end of each "[". If more than MAX_UNCLOSED have no end, they are
    escaped first, because the time would be quadratic.
    """
    closed, bracket, rest = part.rpartition("]")
    if rest.count("[") > MAX_UNCLOSED:
        part = closed + bracket + rest.replace("[", "[[]")
    return re.compile(fnmatch.translate(part)).match


def _join(directory: RootPath, name: str) -> RootPath:
    return RootPath(f"{'' if directory == ROOT else directory}/{name}")
