"""Node: packages of which a file was used are whole, with their production dependencies and those of the app.

A module is found as Node finds it: in the `node_modules` of the directory, or of one above it (Node.js, "Loading from
node_modules folders"). Nested `node_modules` belong to the dependencies.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.app_level.facts import MAX_TEXT, AppFacts, Kept
from docker_slim_plugin.rootfs.index import parents

MODULES = "node_modules"
MANIFEST = "package.json"
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
        self._seen: set[RootPath] = set()
        self._whole: set[RootPath] = set()

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[RootPath] = []
        for path in [path for path in kept if path not in self._seen and path.endswith(CODE)]:
            self._seen.add(path)
            package = self._package_of(path)
            if package is not None:
                found += self._whole_with_dependencies(package)
        return found

    def _package_of(self, path: RootPath) -> RootPath | None:
        """Return the directory of the package that a file belongs to: that of the nearest package.json."""
        for parent in parents(path):
            if RootPath(f"{parent}/{MANIFEST}") in self.facts.rootfs.entries:
                return parent
            if parent.endswith(f"/{MODULES}"):
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
            for name in self._dependencies(here):
                found = self._resolve(here, name)
                pending += [found] if found else []

    def _files(self, package: RootPath) -> Iterator[RootPath]:
        rootfs = self.facts.rootfs
        for name in rootfs.children.get(package, ()):
            if name == MODULES or name in LEFT_OUT:
                continue
            pending = [RootPath(f"{package}/{name}")]
            while pending:
                path = pending.pop()
                if rootfs.entries[path].kind is not EntryKind.DIRECTORY:
                    yield path
                elif not path.endswith(f"/{MODULES}"):
                    pending += (RootPath(f"{path}/{one}") for one in rootfs.children.get(path, ()))

    def _dependencies(self, package: RootPath) -> Iterator[str]:
        try:
            manifest = json.loads(self.facts.rootfs.read(f"{package}/{MANIFEST}", MAX_TEXT) or b"{}")
        except (ValueError, RecursionError):
            return
        for kind in KINDS if isinstance(manifest, dict) else ():
            names = manifest.get(kind)
            yield from (str(name) for name in names) if isinstance(names, dict) else ()

    def _resolve(self, package: RootPath, name: str) -> RootPath | None:
        """Return the directory of the module that `name` is for code in `package`."""
        for top in (package, *parents(package)):
            if top.endswith(f"/{MODULES}"):
                continue
            end = self.facts.rootfs.walk(f"{'' if top == '/' else top}/{MODULES}/{name}").end
            if end is not None and RootPath(f"{end}/{MANIFEST}") in self.facts.rootfs.entries:
                return end
        return None
