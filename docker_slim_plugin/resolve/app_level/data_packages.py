"""Packages of data that used programs and libraries depend on: languages, character maps, fonts, profiles, templates.

A tool that was started without a file to work on has opened none of its data. Packages of data have no program and no
module, and most have the same content on every architecture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.app_level.distribution_packages import CODE, LEFT_OUT, RUNTIMES
from docker_slim_plugin.resolve.app_level.facts import AppFacts, Kept, NewPaths
from docker_slim_plugin.resolve.app_level.library_packages import DEVELOPMENT
from docker_slim_plugin.resolve.app_level.plugins import MODULE
from docker_slim_plugin.resolve.packages.dependencies import find_closure
from docker_slim_plugin.resolve.packages.ownership import package_name, read_field

MAX_PACKAGE = 16 << 20
"""Bytes of a package of data. Larger ones are kept by need."""
TOGETHER = 48 << 20
"""Bytes of all of these."""
ANY_MACHINE = frozenset({"all", "noarch"})
PROGRAMS = ("/bin/", "/sbin/", "/libexec/")
NAME = re.compile(r"(?:^|[,|])\s*+([a-z0-9][a-z0-9+.-]*+)")
"""Matches the names in a field of dpkg (deb-control(5))."""


class DataPackages:
    """The rule; `notes` says which packages are too large."""

    def __init__(self, facts: AppFacts) -> None:
        self.facts = facts
        self.notes: list[str] = []
        self._new = NewPaths()
        self._seen: set[str] = set()
        self._bytes = 0

    def find(self, kept: Kept) -> Iterable[str]:
        in_use = (path for path in self._new.of(kept) if self._is_in_use(path))
        used = {key for path in in_use for key in self.facts.packages.owners_of(path)} - self._seen
        self._seen |= used
        needed = (name for key in sorted(used) if not RUNTIMES.match(key) for name in self._needs(key))
        found = find_closure(needed, self.facts.packages.depends, self._data.__contains__)
        sources = {self.facts.sources[key] for key in found}
        found |= {key for key in self._data if self.facts.sources[key] in sources}
        wanted = {key: [path for path in self._files(key) if path not in kept] for key in sorted(found - self._seen)}
        self._seen |= found
        fitting = list(self.facts.smallest_first(wanted, MAX_PACKAGE, TOGETHER - self._bytes))
        if left := ", ".join(package_name(key) for key in wanted if key not in fitting):
            self.notes.append(f"data of used packages is left out, for its size: {left} (--keep-package NAME keeps it)")
        files = [path for key in fitting for path in wanted[key]]
        self._bytes += self.facts.size_of(files)
        return files

    def _is_in_use(self, path: RootPath) -> bool:
        """Tell whether a file is code that ran, or that a tool can load next."""
        if path in self.facts.executed:
            return True
        return MODULE.search(path) is not None and (self.facts.has_ended or path in self.facts.used)

    def _needs(self, key: str) -> Iterator[str]:
        """Yield what a package depends on, and for a tool what it recommends and is installed."""
        yield from self.facts.packages.depends.get(key, ())
        if self.facts.has_ended and key in self._stanzas:
            names = NAME.findall(read_field(self._stanzas[key], b"Recommends"))
            yield from (self._keys[name] for name in names if name in self._keys)

    @cached_property
    def _stanzas(self) -> Mapping[str, bytes]:
        return dict(self.facts.packages.stanzas)

    @cached_property
    def _keys(self) -> Mapping[str, str]:
        """The key of each installed package by its name."""
        return {package_name(key): key for key in self._stanzas}

    @cached_property
    def _data(self) -> frozenset[str]:
        """All packages of data of the image."""
        return frozenset(key for key, stanza in self.facts.packages.stanzas if self._is_data(key, stanza))

    def _is_data(self, key: str, stanza: bytes) -> bool:
        name = package_name(key)
        if key in self.facts.packages.base or RUNTIMES.match(key) or CODE.match(name) or name.endswith(DEVELOPMENT):
            return False
        files = self.facts.files_by_package.get(key, ())
        if any(part in path for path in files for part in PROGRAMS):
            return False
        if read_field(stanza, b"(?:Architecture|A)") in ANY_MACHINE:
            return True
        return self.facts.has_ended and not any(MODULE.search(path) for path in files)

    def _files(self, key: str) -> Iterator[RootPath]:
        """Yield the files of a package, without scripts (of init): they would bring their interpreters."""
        for path in self.facts.package_files(key):
            if not (LEFT_OUT.search(path) or self.facts.script_program(path)):
                yield path
