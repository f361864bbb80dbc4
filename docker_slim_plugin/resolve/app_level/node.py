"""Node: packages of which a file was used are whole, with their production dependencies and those of the app.

A module is found as Node finds it: in the `node_modules` of the directory, or of one above it (Node.js, "Loading from
node_modules folders"). Nested `node_modules` belong to the dependencies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, Kept, NewPaths, child
from docker_slim_plugin.rootfs.index import parents

MODULES = "node_modules"
MANIFEST = "package.json"
MAX_MANIFEST = 1 << 20
NAME = re.compile(r"(?:@[^/]+/)?[^/.@][^/]*")
"""The name of a package, which is a path below `node_modules`."""
KINDS = ("dependencies", "optionalDependencies", "peerDependencies")
LEFT_OUT = frozenset(
    {"test", "tests", "__tests__", "docs", "doc", "example", "examples", "benchmark", "benchmarks", ".github"}
)
"""Directories at the top of a package that no program loads."""
CODE = (".js", ".cjs", ".mjs", ".json", ".node", ".ts")


class NodePackages:
    """The rule."""

    def __init__(self, facts: AppFacts) -> None:
        self.facts = facts
        self._new = NewPaths()
        self._packages: dict[RootPath, RootPath | None] = {}
        self._whole: set[RootPath] = set()

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[RootPath] = []
        for path in self._new.of(kept):
            if path.endswith(CODE):
                directory = next(parents(path))
                if directory not in self._packages:
                    self._packages[directory] = self._package_of(directory)
                package = self._packages[directory]
                if package is not None:
                    found += self._whole_with_dependencies(package)
        return found

    def _package_of(self, directory: RootPath) -> RootPath | None:
        """Return the directory of the package that a directory belongs to: that of the nearest package.json."""
        for top in (directory, *parents(directory)):
            if child(top, MANIFEST) in self.facts.rootfs.entries:
                return top
            if top.endswith(f"/{MODULES}"):
                return None
        return None

    def _whole_with_dependencies(self, package: RootPath) -> Iterator[RootPath]:
        pending = [package]
        while pending:
            here = pending.pop()
            if here in self._whole:
                continue
            self._whole.add(here)
            if f"/{MODULES}/" in here:
                yield from self._files(here)
            places = self._places(here)
            for name in self._dependencies(here):
                found = next((end for place in places if (end := self._resolve(place, name))), None)
                pending += [found] if found else []

    def _files(self, package: RootPath) -> Iterator[RootPath]:
        rootfs = self.facts.rootfs
        for name in rootfs.children.get(package, ()):
            if name == MODULES or name in LEFT_OUT:
                continue
            pending = [child(package, name)]
            while pending:
                path = pending.pop()
                if rootfs.entries[path].kind is not EntryKind.DIRECTORY:
                    yield path
                elif not path.endswith(f"/{MODULES}"):
                    pending += (RootPath(f"{path}/{one}") for one in rootfs.children.get(path, ()))

    def _dependencies(self, package: RootPath) -> Iterator[str]:
        try:
            manifest = json.loads(self.facts.rootfs.read(child(package, MANIFEST), MAX_MANIFEST) or b"{}")
        except (ValueError, RecursionError):
            return
        for kind in KINDS if isinstance(manifest, dict) else ():
            names = manifest.get(kind)
            yield from (name for name in names if NAME.fullmatch(name)) if isinstance(names, dict) else ()

    def _places(self, package: RootPath) -> list[RootPath]:
        """Return the directories in which Node looks for modules that code in `package` names, nearest first."""
        tops = (top for top in (package, *parents(package)) if not top.endswith(f"/{MODULES}"))
        return [place for top in tops if (place := child(top, MODULES)) in self.facts.rootfs.entries]

    def _resolve(self, place: RootPath, name: str) -> RootPath | None:
        """Return the directory of a package in a `node_modules`, or None if it has no such package."""
        end = self.facts.rootfs.walk(f"{place}/{name}").end
        return end if end is not None and child(end, MANIFEST) in self.facts.rootfs.entries else None
