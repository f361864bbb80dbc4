"""Find the unit that a file belongs to, for --keep-all-of: package, Python distribution, node module, ruby gem."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve import patterns
from docker_slim_plugin.resolve.packages.ownership import Packages
from docker_slim_plugin.rootfs.index import Rootfs

MAX_RECORD = 16 << 20
SITE = re.compile(r"(?P<site>.*/(?:site|dist)-packages)/(?P<top>[^/]+)")
NODE = re.compile(r".*/node_modules/(?:@[^/]+/)?[^/]+|/usr/share/nodejs/(?:@[^/]+/)?[^/]+")
GEM = re.compile(r"(?P<home>.*)/gems/(?P<name>[^/]+-[0-9][^/]*)(?=/)")


class PackageUnits:
    """Finds units in one image. Each site-packages directory is read once."""

    def __init__(self, rootfs: Rootfs, packages: Packages) -> None:
        self.rootfs = rootfs
        self.packages = packages
        self._sites: dict[str, dict[RootPath, str]] = {}
        self._records: dict[str, frozenset[RootPath]] = {}

    def files_of_units(self, paths: Iterable[RootPath]) -> frozenset[RootPath]:
        """Return every file of every unit to which one of `paths` belongs."""
        owners = {key for path in paths if (key := self.packages.owners.get(path))}
        found = {path for path, key in self.packages.owners.items() if key in owners}
        for path in paths:
            if path not in self.packages.owners and path not in found:
                found |= self._python(path) or self._gem(path) or self._node(path)
        return frozenset(found)

    def _python(self, path: RootPath) -> frozenset[RootPath]:
        match = SITE.match(path)
        if match is None:
            return frozenset()
        record = self._site(match["site"]).get(path)
        top = RootPath(match[0])
        return self._records[record] if record else self._files(top)

    def _site(self, site: str) -> dict[RootPath, str]:
        """Return, by file, the RECORD that lists it, for the distributions in one site-packages directory."""
        if site not in self._sites:
            owners: dict[RootPath, str] = {}
            for record in sorted(patterns.find_matches(self.rootfs, f"{_literal(site)}/*.dist-info/RECORD")):
                rows = csv.reader(self.rootfs.text(record, MAX_RECORD).replace("\0", "").split("\n"))
                names = _first_columns(rows)
                ends = (self.rootfs.walk(f"{site}/{name}", follow=False).end for name in names)
                paths = frozenset(end for end in ends if end is not None)
                self._records[record] = paths
                owners.update(dict.fromkeys(paths, record))
            self._sites[site] = owners
        return self._sites[site]

    def _gem(self, path: RootPath) -> frozenset[RootPath]:
        match = GEM.match(path)
        if match is None:
            return frozenset()
        home, name = _literal(match["home"]), _literal(match["name"])
        tops = {RootPath(match[0])}
        for pattern in (f"{home}/specifications/{name}.gemspec", f"{home}/extensions/*/*/{name}"):
            tops |= patterns.find_matches(self.rootfs, pattern)
        return frozenset(found for top in tops for found in self._files(top))

    def _node(self, path: RootPath) -> frozenset[RootPath]:
        match = NODE.match(path)
        return self._files(RootPath(match[0])) if match else frozenset()

    def _files(self, top: RootPath) -> frozenset[RootPath]:
        return frozenset(e.path for e in self.rootfs.below(top) if e.kind is not EntryKind.DIRECTORY)


def _first_columns(rows: Iterable[list[str]]) -> list[str]:
    names: list[str] = []
    try:
        names.extend(row[0] for row in rows if row and row[0])
    except csv.Error:
        return names
    return names


def _literal(text: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", text)
