"""Python: distributions of which a module was used are whole, with what they require; and the standard library.

A plugin, a lazy import or a computed name reaches any module of an installed distribution. What a distribution requires
is read in its metadata (core metadata, Requires-Dist). Extras count as well: what is installed was asked for. So do
distributions that kept sources import anywhere, plugins that distributions register as entry points, and small
distributions that were installed by name. Of the standard library all is kept but tests, editors, installers and
windows, without byte code that no run used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.app_level.computed_names import ComputedNames
from docker_slim_plugin.resolve.app_level.facts import AppFacts, FileRule, Kept, child
from docker_slim_plugin.resolve.app_level.python_imports import read_imports
from docker_slim_plugin.resolve.app_level.python_site import PythonSite

SITES = ("site-packages", "dist-packages")
LIBRARY = re.compile(r"(.*/lib(?:64)?/python3\.\d+)/(?!site-packages/|dist-packages/)[^/]")
LEFT_OUT = re.compile(
    r"^(?:test|idlelib|tkinter|turtledemo|ensurepip|lib2to3|pydoc_data|site-packages|dist-packages|config-[\w.-]+)$|^turtle\.py$"
)
"""First parts of names in the standard library: tests, editors, windows, installers, static libraries."""
UNUSED = re.compile(
    r"/(?:_tkinter|_dbm|_gdbm|nis|ossaudiodev|readline|_test\w*|_xx\w*|xxlimited\w*|_ctypes_test)\.[^/]*\.so$"
)
"""Compiled modules for windows, consoles, old databases and tests."""
TESTS = frozenset({"tests", "test"})
MAX_SOURCE = 1 << 20
"""Bytes of a source that are read for the modules that it imports."""


class PythonPackages(FileRule):
    """The rule; `notes` counts the app's own imports by computed names."""

    def __init__(self, facts: AppFacts) -> None:
        super().__init__(facts)
        self._sites: dict[RootPath, PythonSite] = {}
        self._libraries: set[str] = set()
        self._sources: list[RootPath] = []
        """Sources that are not read yet: as long as all distributions are whole, none needs to be."""
        self._names: dict[str, None] = {}
        self._asked: dict[PythonSite, int] = {}
        self._computed = ComputedNames("Python")

    @property
    def notes(self) -> Iterable[str]:
        return self._computed.notes()

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[RootPath] = []
        for path in self.new_files(kept):
            site = self._site_of(path)
            if site is not None:
                found += site.whole(path)
            elif match := LIBRARY.match(path):
                found += self._library(RootPath(match[1]))
                continue
            if path.endswith(".py") or self.facts.script_program(path).startswith("python"):
                self._sources.append(path)
        if any(site.has_more for site in self._sites.values()):
            self._read_sources()
            for site in self._sites.values():
                names = list(self._names)[self._asked.get(site, 0) :]
                self._asked[site] = len(self._names)
                found += (path for name in names for path in site.module(name))
        return found

    def _read_sources(self) -> None:
        for path in self._sources:
            imports = read_imports(self.facts.rootfs.text(path, MAX_SOURCE))
            self._names |= dict.fromkeys(sorted(imports.statements))
            if self._site_of(path) is None:
                self._names |= dict.fromkeys(sorted(imports.strings))
                self._computed.add(path, imports.computed)
        self._sources.clear()

    def _site_of(self, path: RootPath) -> PythonSite | None:
        for name in SITES:
            before, found, _ = path.partition(f"/{name}/")
            if found:
                place = RootPath(f"{before}/{name}")
                if place not in self._sites:
                    self._sites[place] = PythonSite(self.facts, place)
                return self._sites[place]
        return None

    def _library(self, top: RootPath) -> Iterator[RootPath]:
        if top in self._libraries or RootPath(f"{top}/os.py") not in self.facts.rootfs.entries:
            return
        self._libraries.add(top)
        for name in self.facts.rootfs.children.get(top, ()):
            if LEFT_OUT.match(name):
                continue
            for path in self.facts.files_below(child(top, name)):
                parts = path.removeprefix(f"{top}/").split("/")
                if not (TESTS.intersection(parts) or "__pycache__" in parts or UNUSED.search(path)):
                    yield path
