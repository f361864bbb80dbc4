"""PHP: files that kept sources include by a constant name, and Composer's packages of which a file is kept, whole.

A name is found as PHP finds it: beside the file, in the working directory, in the directories of include_path.
What Composer has installed, and what each package requires, is in `composer/installed.json` of the vendor directory.
Nothing is executed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, FileRule, Kept, child
from docker_slim_plugin.rootfs.index import parents

SOURCE = (".php", ".inc", ".phtml")
MAX_SOURCE = 1 << 20
INSTALLED = "composer/installed.json"
MAX_INSTALLED = 4 << 20
PACKAGE = re.compile(r"[\w.-]+/[\w.-]+")
"""The name of a package, which is its directory below the vendor directory."""
INCLUDE = re.compile(
    r"\b(?:include|require)(?:_once)?\b[ \t(]*+(?:(__DIR__|dirname\(__FILE__\))[ \t]*+\.[ \t]*+)?"
    r"['\"]([\w./@+-]{1,256}+)['\"]"
)
INCLUDE_PATH = ("/usr/share/php", "/usr/local/lib/php", "/usr/share/pear")
"""Of Debian's packages, of official images, and of Fedora's packages."""
LEFT_OUT = frozenset({"test", "tests", "Tests", "doc", "docs", ".github"})
"""Directories at the top of a package that no program loads."""


class PhpSources(FileRule):
    """The rule."""

    def __init__(self, facts: AppFacts) -> None:
        super().__init__(facts)
        self._requires: dict[RootPath, dict[str, tuple[str, ...]]] = {}
        """What each package requires, by the vendor directory that has them."""
        self._whole: set[RootPath] = set()
        working = facts.rootfs.find(str(facts.config.get("WorkingDir") or "/"))
        self._places = (*([working.path] if working else []), *INCLUDE_PATH)

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[str] = []
        for path in self.new_files(kept):
            if path.endswith(SOURCE):
                found += self._packages_of(path)
                found += self._included(path)
        return found

    def _included(self, path: RootPath) -> Iterator[str]:
        """Yield the files that a source includes, as they are spelled."""
        here = next(parents(path))
        for beside, name in sorted(set(INCLUDE.findall(self.facts.rootfs.text(path, MAX_SOURCE)))):
            if beside or name.startswith("/"):
                places = [f"{here if beside else ''}/{name.lstrip('/')}"]
            else:
                places = [f"{top.rstrip('/')}/{name}" for top in (here, *self._places)]
            yield from [place for place in places if self._is_file(place)][:1]

    def _is_file(self, place: str) -> bool:
        entry = self.facts.rootfs.find(place)
        return entry is not None and entry.kind is EntryKind.FILE

    def _packages_of(self, path: RootPath) -> Iterator[RootPath]:
        """Yield the files of the package that a file belongs to, and of those that it requires."""
        for vendor in parents(path):
            if child(vendor, INSTALLED) in self.facts.rootfs.entries:
                pending = ["/".join(path.removeprefix(f"{vendor}/").split("/")[:2])]
                while pending:
                    name = pending.pop()
                    top = child(vendor, name)
                    if top not in self._whole and name in self._installed(vendor):
                        self._whole.add(top)
                        pending += self._installed(vendor)[name]
                        yield from self._files(top)
                return

    def _installed(self, vendor: RootPath) -> dict[str, tuple[str, ...]]:
        if vendor not in self._requires:
            self._requires[vendor] = dict(self._read(child(vendor, INSTALLED)))
        return self._requires[vendor]

    def _read(self, file: RootPath) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the name of each package, and those that it requires. Composer 1 has a list, Composer 2 an object."""
        try:
            found = json.loads(self.facts.rootfs.read(file, MAX_INSTALLED) or b"[]")
        except (ValueError, RecursionError):
            return
        packages = found.get("packages") if isinstance(found, dict) else found
        for one in packages if isinstance(packages, list) else ():
            if isinstance(one, dict) and isinstance(name := one.get("name"), str) and PACKAGE.fullmatch(name):
                required = one.get("require")
                yield name, tuple(required) if isinstance(required, dict) else ()

    def _files(self, top: RootPath) -> Iterator[RootPath]:
        for name in self.facts.rootfs.children.get(top, ()):
            path = child(top, name)
            if self.facts.rootfs.entries[path].kind is not EntryKind.DIRECTORY:
                yield path
            elif name not in LEFT_OUT:
                yield from self.facts.files_below(path)
