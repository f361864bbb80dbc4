"""Find the paths that `pack` is asked for: names of programs, paths, and patterns.

A word without a slash and wildcards is a program name. It is searched for in the image's PATH, as a shell does it. Any
other word is a pattern, as for --keep. A word that matches nothing is an error.
"""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.plan import Reason, ReasonKind
from docker_slim_plugin.resolve import patterns
from docker_slim_plugin.resolve.kept_set import Need
from docker_slim_plugin.rootfs.index import Rootfs

_MAX_SIMILAR = 3
_MIN_SIMILARITY = 0.7


class RequestedPaths(NamedTuple):
    """The paths in one image that the user's words match."""

    needs: list[Need]
    """The matching paths, and everything below matching directories."""
    targets: frozenset[RootPath]
    """The targets of the matching paths, symlinks resolved."""
    warnings: list[str]


def find_requested(rootfs: Rootfs, names: Iterable[str], search: Sequence[str]) -> RequestedPaths:
    """Return the requested paths. `search` are the directories of PATH.

    Raises SlimError for a name that matches nothing. Its hint lists similar paths.
    """
    found: list[Need] = []
    targets: set[RootPath] = set()
    warnings: list[str] = []
    for name in names:
        matched = _find_program(rootfs, name, search) if is_program_name(name) else patterns.find_matches(rootfs, name)
        if not matched:
            where = "PATH of the image" if is_program_name(name) else "image"
            raise SlimError(f"cannot pack {name!r}: it is not in the {where}", hint=_make_hint(rootfs, name, search))
        ends_by_path = {path: rootfs.walk(path).end for path in matched}
        warnings += [
            f"{path!r} is a link that leads nowhere in the image"
            for path in sorted(ends_by_path)
            if not ends_by_path[path]
        ]
        ends = {end for end in ends_by_path.values() if end is not None}
        targets |= ends
        reason = Reason(ReasonKind.KEEP, "pack", name)
        found += [Need(path, reason, link=True) for path in {*matched, *patterns.expand_trees(rootfs, ends)}]
    return RequestedPaths(found, frozenset(targets), warnings)


def is_program_name(name: str) -> bool:
    """Return whether a word is the name of a program, to be searched for in PATH."""
    return "/" not in name and not patterns.WILD.search(name)


def _find_program(rootfs: Rootfs, name: str, search: Sequence[str]) -> frozenset[RootPath]:
    for directory in search:
        path = posixpath.join(directory, name)
        entry = rootfs.find(path) if path.startswith("/") else None
        if entry is not None and entry.is_executable:
            # Keep the symlink: programs may act according to their name (busybox, update-alternatives).
            return frozenset(end for end in (rootfs.walk(path, follow=False).end,) if end is not None)
    return frozenset()


def _make_hint(rootfs: Rootfs, name: str, search: Sequence[str]) -> str:
    if patterns.WILD.search(name):
        return "'*' stays within one directory, '**' crosses any number of them"
    return (
        " or ".join(_find_similar(rootfs, name, search)) or f"a pattern: '**/*{posixpath.basename(name.rstrip('/'))}*'"
    )


def _find_similar(rootfs: Rootfs, name: str, search: Sequence[str]) -> Iterator[str]:
    """Yield paths that the user may have meant: the same name elsewhere, else similar names in the same directory."""
    base = posixpath.basename(name.rstrip("/"))
    same = [path for path in rootfs.entries if path.endswith(f"/{base}")] if base else []
    if same:
        yield from sorted(same, key=lambda path: (path.count("/"), path))[:_MAX_SIMILAR]
        return
    places = search if is_program_name(name) else (_deepest_directory(rootfs, name),)
    for place in places:
        top = rootfs.find(place) if place.startswith("/") else None
        if top is not None and top.kind is EntryKind.DIRECTORY:
            component = base if is_program_name(name) else name.removeprefix(place).strip("/").partition("/")[0]
            others = rootfs.children.get(top.path, ())
            yield from (
                posixpath.join(place, o)
                for o in difflib.get_close_matches(component, others, _MAX_SIMILAR, _MIN_SIMILARITY)
            )


def _deepest_directory(rootfs: Rootfs, name: str) -> str:
    """Return the longest directory prefix of a path that exists in the image."""
    here = posixpath.dirname("/" + name.strip("/"))
    while here != "/" and rootfs.find(here) is None:
        here = posixpath.dirname(here)
    return here
