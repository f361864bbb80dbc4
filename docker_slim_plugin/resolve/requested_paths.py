"""What `pack` is asked to take: programs by their name alone, paths, patterns.

A name without a slash is a program's, looked up in the image's own PATH as a shell there would; anything else is a
pattern as --keep has it. What the image does not have is an error: who names it wants it.
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
    """What the user's words mean in one image."""

    needs: list[Need]
    """With all below directories."""
    targets: frozenset[RootPath]
    """What the words themselves lead to."""
    warnings: list[str]


def find_requested(rootfs: Rootfs, names: Iterable[str], search: Sequence[str]) -> RequestedPaths:
    """Return what is named; `search` holds the directories of PATH.

    SlimError, with what is near, for a name that matches nothing.
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
    """Tell whether a word is a program's name, to be looked up in PATH."""
    return "/" not in name and not patterns.WILD.search(name)


def _find_program(rootfs: Rootfs, name: str, search: Sequence[str]) -> frozenset[RootPath]:
    for directory in search:
        path = posixpath.join(directory, name)
        entry = rootfs.find(path) if path.startswith("/") else None
        if entry is not None and entry.is_executable:
            # The name as it stands: what it is called is part of what it does (busybox, update-alternatives).
            return frozenset(end for end in (rootfs.walk(path, follow=False).end,) if end is not None)
    return frozenset()


def _make_hint(rootfs: Rootfs, name: str, search: Sequence[str]) -> str:
    if patterns.WILD.search(name):
        return "'*' stays within one directory, '**' crosses any number of them"
    return (
        " or ".join(_find_similar(rootfs, name, search)) or f"a pattern: '**/*{posixpath.basename(name.rstrip('/'))}*'"
    )


def _find_similar(rootfs: Rootfs, name: str, search: Sequence[str]) -> Iterator[str]:
    """Yield what the user may have meant: the same name elsewhere, else similar names in the same place."""
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
    """Return the longest directory of a path that the image has."""
    here = posixpath.dirname("/" + name.strip("/"))
    while here != "/" and rootfs.find(here) is None:
        here = posixpath.dirname(here)
    return here
