"""Node: packages of which a file was used are whole, with their production dependencies and those of the app.

So are packages that the app's own sources load by a constant name, at any place. A module is found as Node finds it: in
the `node_modules` of the directory, of one above it, or of the system (Node.js, "Loading from node_modules folders" and
"Loading from the global folders"). Nested `node_modules` belong to the dependencies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.environment import parse_environment
from docker_slim_plugin.resolve.app_level.computed_names import ComputedNames
from docker_slim_plugin.resolve.app_level.facts import AppFacts, FileRule, Kept, child
from docker_slim_plugin.resolve.app_level.node_imports import read_imports
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
GLOBAL = ("/usr/local/lib/node_modules", "/usr/lib/node_modules", "/usr/share/nodejs", "/usr/lib/nodejs")
"""Directories of packages for the whole system: of npm, and of Debian's packages."""
SOURCE = (".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", ".jsx", ".tsx")
MAX_SOURCE = 1 << 20
CODE = (".js", ".cjs", ".mjs", ".json", ".node", ".ts")


class NodePackages(FileRule):
    """The rule; `notes` counts the app's own imports by computed names."""

    def __init__(self, facts: AppFacts) -> None:
        super().__init__(facts)
        self._packages: dict[RootPath, RootPath | None] = {}
        self._whole: set[RootPath] = set()
        self._computed = ComputedNames("Node")
        named = parse_environment(facts.config).get("NODE_PATH", "").split(":")
        walks = (facts.rootfs.walk(place).end for place in (*named, *GLOBAL) if place.startswith("/"))
        self._global = tuple(dict.fromkeys(place for place in walks if place is not None))

    @property
    def notes(self) -> Iterable[str]:
        return self._computed.notes()

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[RootPath] = []
        for path in self.new_files(kept):
            is_script = not path.endswith(CODE)
            if is_script and self.facts.script_program(path) not in ("node", "nodejs"):
                continue
            directory = next(parents(path))
            if directory not in self._packages:
                self._packages[directory] = self._package_of(directory)
            package = self._packages[directory]
            if package is not None:
                found += self._whole_with_dependencies(package)
            if not self._is_installed(path) and (is_script or path.endswith(SOURCE)):
                found += self._imported(path, directory)
        return found

    def _is_installed(self, path: RootPath) -> bool:
        """Tell whether a file is in a directory of packages."""
        return f"/{MODULES}/" in path or any(path.startswith(f"{place}/") for place in self._global)

    def _imported(self, path: RootPath, directory: RootPath) -> Iterator[RootPath]:
        """Yield the packages that a source of the app names, as far as they are installed."""
        imports = read_imports(self.facts.rootfs.text(path, MAX_SOURCE))
        self._computed.add(path, imports.computed)
        places = self._places(directory) if imports.packages else []
        for name in sorted(imports.packages):
            package = self._first(places, name)
            if package is not None:
                yield from self._whole_with_dependencies(package)

    def _package_of(self, directory: RootPath) -> RootPath | None:
        """Return the directory of the package that a directory belongs to: that of the nearest package.json."""
        for top in (directory, *parents(directory)):
            if child(top, MANIFEST) in self.facts.rootfs.entries:
                return top
            if top.endswith(f"/{MODULES}") or top in self._global:
                return None
        return None

    def _whole_with_dependencies(self, package: RootPath) -> Iterator[RootPath]:
        pending = [package]
        while pending:
            here = pending.pop()
            if here in self._whole:
                continue
            self._whole.add(here)
            if self._is_installed(here):
                yield from self._files(here)
            places = self._places(here)
            for name in self._dependencies(here):
                found = self._first(places, name)
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
        nearest = [place for top in tops if (place := child(top, MODULES)) in self.facts.rootfs.entries]
        return [*nearest, *self._global]

    def _first(self, places: Iterable[RootPath], name: str) -> RootPath | None:
        """Return the directory of the first package of a name."""
        return next((end for place in places if (end := self._resolve(place, name))), None)

    def _resolve(self, place: RootPath, name: str) -> RootPath | None:
        """Return the directory of a package in a `node_modules`, or None if it has no such package."""
        end = self.facts.rootfs.walk(f"{place}/{name}").end
        return end if end is not None and child(end, MANIFEST) in self.facts.rootfs.entries else None
