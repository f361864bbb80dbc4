"""The distributions that are installed in one directory of Python's sys.path: their files, requirements and modules.

They are read from core metadata (METADATA, RECORD, REQUESTED, entry_points.txt). Where a distribution package brought
them and left out RECORD, its file list is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.app_level.facts import MAX_TEXT, AppFacts, child
from docker_slim_plugin.resolve.packages.metadata.python import parse_record_row
from docker_slim_plugin.resolve.packages.path_spelling import PathSpelling

REQUIREMENT = re.compile(r"^Requires-Dist: *([A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)
NAME = re.compile(r"^Name: *(\S+)", re.MULTILINE)
GROUP = re.compile(r"^\[ *([\w.-]+) *\]", re.MULTILINE)
SCRIPTS = frozenset({"console_scripts", "gui_scripts"})
INSTALLERS = frozenset({"pip", "setuptools", "wheel", "pkg-resources", "distribute", "uv", "poetry-core"})
"""They are kept by need: what is installed is installed."""
SMALL = 2 << 20
"""Bytes of a distribution that was installed by name, and that the run did not use."""
UNUSED = re.compile(r"/__pycache__/|\.(?:po|pot|pxd|pyx)$|-packages/[^/]+/tests/")
"""Of a whole distribution: byte code that no run used, sources of translations and of compiled modules, tests."""
MAX_PARTS = 8
"""Most parts of a dotted name that are looked up."""


def normalized(name: str) -> str:
    """Return the name of a distribution in its normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


class PythonSite:
    """One site-packages or dist-packages directory. Distributions are named by their normal names."""

    def __init__(self, facts: AppFacts, place: RootPath) -> None:
        self.facts = facts
        self.place = place
        self.files: dict[str, list[RootPath]] = {}
        self.requires: dict[str, set[str]] = {}
        self.owner: dict[RootPath, str] = {}
        self.plugins: dict[str, list[str]] = {}
        """Distributions with entry points, by the first part of the name of their group, scripts aside."""
        self.requested: list[str] = []
        """Distributions that were installed by name, not as a requirement (PEP 376)."""
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
        groups = set(GROUP.findall(rootfs.text(f"{metadata}/entry_points.txt", MAX_TEXT))) - SCRIPTS
        for name in {group.partition(".")[0] for group in groups}:
            self.plugins.setdefault(name, []).append(key)
        if child(metadata, "REQUESTED") in rootfs.entries:
            self.requested.append(key)

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

    @property
    def has_more(self) -> bool:
        """Whether there are modules that are not kept as a part of a whole distribution."""
        return not self._whole.issuperset(self.files.keys() - INSTALLERS) or self._has_unowned

    @cached_property
    def _has_unowned(self) -> bool:
        names = self.facts.rootfs.children.get(self.place, ())
        modules = (
            child(self.place, name if name.endswith((".py", ".so")) else f"{name}/__init__.py") for name in names
        )
        return any(path in self.facts.rootfs.entries and path not in self.owner for path in modules)

    def whole(self, path: RootPath) -> Iterator[RootPath]:
        """Yield the files of the distribution of `path`, and of those that it requires."""
        key = self.owner.get(path, "")
        if not key or path.endswith(".pth") or ".dist-info/" in path or ".egg-info" in path:
            return iter(())
        return self._with_requirements([key] if self._whole else [key, *self._small_requested()])

    def _small_requested(self) -> Iterator[str]:
        """Yield small distributions that were installed by name: the app may load them by its configuration."""
        return (key for key in self.requested if self.facts.size_of(self.files[key]) <= SMALL)

    def module(self, name: str) -> Iterator[RootPath]:
        """Yield the files of the distribution that has the module or package of a dotted name.

        A name in no distribution is looked up as a file: its module, or the whole tree of its top package.
        """
        parts = name.split(".", MAX_PARTS)[:MAX_PARTS]
        if parts[0] not in self._top_names:
            return
        rootfs = self.facts.rootfs
        for count in range(len(parts), 0, -1):
            top = RootPath(f"{self.place}/{'/'.join(parts[:count])}")
            found = next((path for path in self._spellings(top) if path in rootfs.entries), None)
            if found is None:
                continue
            if found in self.owner:
                yield from self.whole(found)
            else:
                tree = RootPath(f"{self.place}/{parts[0]}")
                yield from self.facts.files_below(tree) if tree in rootfs.children else (found,)
            return

    @cached_property
    def _top_names(self) -> frozenset[str]:
        return frozenset(name.partition(".")[0] for name in self.facts.rootfs.children.get(self.place, ()))

    def _spellings(self, top: RootPath) -> Iterator[RootPath]:
        """Yield the files that a module may be: source, package, compiled module."""
        yield RootPath(f"{top}.py")
        yield RootPath(f"{top}/__init__.py")
        directory, _, name = top.rpartition("/")
        for one in self.facts.rootfs.children.get(RootPath(directory), ()):
            if one.startswith(f"{name}.") and one.endswith(".so"):
                yield child(directory, one)

    def _with_requirements(self, keys: list[str]) -> Iterator[RootPath]:
        pending = keys
        while pending:
            key = pending.pop()
            if key in self._whole or key in INSTALLERS:
                continue
            self._whole.add(key)
            pending += (one for one in self.requires.get(key, ()) if one in self.files)
            pending += self._plugins(key)
            yield from (path for path in self.files[key] if not UNUSED.search(path))

    def _plugins(self, key: str) -> Iterator[str]:
        """Yield distributions with entry points in a group of this one: its plugins ("flask.commands")."""
        if self.plugins:
            names = (path.removeprefix(f"{self.place}/").partition("/")[0] for path in self.files[key])
            for top in {name.partition(".")[0] for name in names}:
                yield from self.plugins.get(top, ())
