"""Python: distributions of which a module was used are whole, with what they require; and the standard library.

A plugin, a lazy import or a computed name reaches any module of an installed distribution. What a distribution requires
is read in its metadata (core metadata, Requires-Dist). Extras count as well: what is installed was asked for. Of the
standard library all is kept but tests, editors, installers and windows, without byte code that no run used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.app_level.facts import MAX_TEXT, AppFacts, FileRule, Kept, child
from docker_slim_plugin.resolve.packages.metadata.python import parse_record_row
from docker_slim_plugin.resolve.packages.path_spelling import PathSpelling

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
REQUIREMENT = re.compile(r"^Requires-Dist: *([A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)
NAME = re.compile(r"^Name: *(\S+)", re.MULTILINE)
TESTS = frozenset({"tests", "test"})
INSTALLERS = frozenset({"pip", "setuptools", "wheel", "pkg-resources", "distribute", "uv", "poetry-core"})
"""They are kept by need: what is installed is installed."""


def normalized(name: str) -> str:
    """Return the name of a distribution in its normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


class PythonPackages(FileRule):
    """The rule."""

    def __init__(self, facts: AppFacts) -> None:
        super().__init__(facts)
        self._sites: dict[str, _Site] = {}
        self._libraries: set[str] = set()

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[RootPath] = []
        for path in self.new_files(kept, "/python", "-packages/"):
            site = self._site_of(path)
            if site is not None:
                found += site.whole(path)
            elif (match := LIBRARY.match(path)) and match[1] not in self._libraries:
                self._libraries.add(match[1])
                found += self._library(RootPath(match[1]))
        return found

    def _site_of(self, path: RootPath) -> _Site | None:
        for name in SITES:
            before, found, _ = path.partition(f"/{name}/")
            if found:
                place = f"{before}/{name}"
                if place not in self._sites:
                    self._sites[place] = _Site(self.facts, RootPath(place))
                return self._sites[place]
        return None

    def _library(self, top: RootPath) -> Iterator[RootPath]:
        if RootPath(f"{top}/os.py") not in self.facts.rootfs.entries:
            return
        for name in self.facts.rootfs.children.get(top, ()):
            if LEFT_OUT.match(name):
                continue
            for path in self.facts.files_below(child(top, name)):
                parts = path.removeprefix(f"{top}/").split("/")
                if not (TESTS.intersection(parts) or "__pycache__" in parts or UNUSED.search(path)):
                    yield path


class _Site:
    """The distributions in one directory of sys.path."""

    def __init__(self, facts: AppFacts, place: RootPath) -> None:
        self.facts = facts
        self.place = place
        self.files: dict[str, list[RootPath]] = {}
        self.requires: dict[str, set[str]] = {}
        self.owner: dict[RootPath, str] = {}
        self._spelling = PathSpelling(facts.rootfs)
        self._by_package: dict[str, str] = {}
        self._whole: set[str] = set()
        for name in facts.rootfs.children.get(place, ()):
            if name.endswith((".dist-info", ".egg-info")):
                self._read(child(place, name))

    def _read(self, metadata: RootPath) -> None:
        rootfs = self.facts.rootfs
        text = next(
            (text for one in ("METADATA", "PKG-INFO") if (text := rootfs.text(f"{metadata}/{one}", MAX_TEXT))), ""
        ) or rootfs.text(metadata, MAX_TEXT)
        match = NAME.search(text)
        if match is None:
            return
        key = normalized(match[1])
        self.requires[key] = {normalized(one) for one in REQUIREMENT.findall(text.partition("\n\n")[0])}
        names = {parse_record_row(row) for row in rootfs.text(f"{metadata}/RECORD", MAX_TEXT).split("\n")} - {""}
        files = [path for name in sorted(names) if (path := self._path(name))] or self._files_by_package(metadata, key)
        self.files[key] = files
        for path in files:
            self.owner.setdefault(path, key)

    def _path(self, name: str) -> RootPath | None:
        """Return the file that a RECORD names, which may lie outside of the site: ../../../bin/flask."""
        return self._spelling.file(name) if name.startswith("/") else self._spelling.below(self.place, name)

    def _files_by_package(self, metadata: RootPath, key: str) -> list[RootPath]:
        """Return the files of the distribution package that brought the metadata, as Debian's have no RECORD.

        If the package brought several distributions, the first has its files, and the others require the first.
        """
        rootfs, packages = self.facts.rootfs, self.facts.packages
        is_file = rootfs.entries[metadata].kind is EntryKind.FILE
        paths = [metadata] if is_file else list(self.facts.files_below(metadata))
        found: list[RootPath] = []
        for package in sorted({package for path in paths for package in packages.owners_of(path)}):
            first = self._by_package.setdefault(package, key)
            if first == key:
                found += (path for path in self.facts.package_files(package) if path.startswith(f"{self.place}/"))
            else:
                self.requires[key].add(first)
        return found

    def whole(self, path: RootPath) -> Iterator[RootPath]:
        """Yield the files of the distribution of `path`, and of those that it requires."""
        key = self.owner.get(path, "")
        is_code = not path.endswith(".pth") and ".dist-info/" not in path and ".egg-info" not in path
        pending = [key] if key and is_code else []
        while pending:
            key = pending.pop()
            if key in self._whole or key in INSTALLERS:
                continue
            self._whole.add(key)
            pending += (one for one in self.requires.get(key, ()) if one in self.files)
            yield from self.files[key]
