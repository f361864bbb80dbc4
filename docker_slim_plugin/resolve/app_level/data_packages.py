"""Packages of data that used programs and libraries depend on: languages, character maps, fonts, profiles, templates.

A tool that was started without a file to work on has opened none of its data. Packages of data have no program, and the
same content on every architecture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
TOGETHER = 32 << 20
"""Bytes of all of these."""
ANY_MACHINE = frozenset({"all", "noarch"})
PROGRAMS = ("/bin/", "/sbin/")


class DataPackages:
    """The rule; `notes` says which packages are too large."""

    def __init__(self, facts: AppFacts) -> None:
        self.facts = facts
        self.notes: list[str] = []
        self._new = NewPaths()
        self._seen: set[str] = set()
        self._bytes = 0

    def find(self, kept: Kept) -> Iterable[str]:
        used = {key for path in self._new.of(kept) if self._is_in_use(path) for key in self.facts.packages.owners_of(path)}
        depends = self.facts.packages.depends
        needed = (name for key in sorted(used - self._seen) if not RUNTIMES.match(key) for name in depends.get(key, ()))
        self._seen |= used
        found = find_closure(needed, depends, self._is_data)
        sources = {self.facts.sources[key] for key in found}
        found |= {key for key in self._data if self.facts.sources[key] in sources}
        wanted = {key: [path for path in self._files(key) if path not in kept] for key in sorted(found - self._seen)}
        self._seen |= found
        fitting = list(self.facts.smallest_first(wanted, MAX_PACKAGE, TOGETHER - self._bytes))
        left = [key for key in wanted if key not in fitting]
        if left:
            self.notes.append(f"data of used packages is left out: {', '.join(map(package_name, left))} (--keep-package)")
        files = [path for key in fitting for path in wanted[key]]
        self._bytes += self.facts.size_of(files)
        return files

    def _is_in_use(self, path: RootPath) -> bool:
        """Tell whether a file is code that ran, or that a tool can load next."""
        if path in self.facts.executed:
            return True
        return MODULE.search(path) is not None and (self.facts.has_ended or path in self.facts.used)

    def _is_data(self, key: str) -> bool:
        return key in self._data

    @cached_property
    def _data(self) -> frozenset[str]:
        """All packages of data of the image."""
        packages = self.facts.packages
        return frozenset(
            key
            for key, stanza in packages.stanzas
            if read_field(stanza, b"(?:Architecture|A)") in ANY_MACHINE
            and key not in packages.base
            and not RUNTIMES.match(key)
            and not CODE.match(package_name(key))
            and not package_name(key).endswith(DEVELOPMENT)
            and not any(part in path for path in self.facts.files_by_package.get(key, ()) for part in PROGRAMS)
        )

    def _files(self, key: str) -> Iterator[RootPath]:
        """Yield the files of a package, without scripts (of init): they would bring their interpreters."""
        for path in self.facts.package_files(key):
            if not (LEFT_OUT.search(path) or self.facts.script_program(path)):
                yield path
