"""Distribution packages that the app is made of: programs that the run executed, and small ones installed by name.

A server's package has what its configuration can name: plugins, error pages, helpers, other programs of the same suite.
Packages of the distribution's own base are kept by need.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts
from docker_slim_plugin.resolve.packages.ownership import DEPENDS, package_name, read_field

AUTOMATIC = "/var/lib/apt/extended_states"
MAX_STATES = 4 << 20
SMALL = 2 << 20
"""Bytes of a package that the image's author installed by name, and that the run did not use."""
LEFT_OUT = re.compile(
    r"/(?:include|pkgconfig|cmake|bitcode|debug|aclocal|gdb|valgrind|bash-completion|lintian|bug)/|\.a$"
)
"""Of a whole package: development files, LLVM's bitcode for inlining, what belongs to other tools."""
RUNTIMES = re.compile(
    r"^(?:lib)?(?:python|perl|ruby|nodejs|php[0-9.]*-cli|openjdk|golang|gcc|g\+\+|cpp|binutils|llvm|clang)"
)
"""Interpreters and compilers: the rules of the languages know better what is needed of them."""
ALTERNATIVE = re.compile(r"\s*\|\s*")


class DistributionPackages:
    """The rule."""

    def __init__(self, facts: AppFacts, *, whole: bool = False) -> None:
        """`whole` is the level `package`: each used package, with those that it depends on."""
        self.facts = facts
        self.whole = whole

    def find(self, kept: Mapping[RootPath, object]) -> Iterable[str]:  # noqa: ARG002 (the run decides, not the kept set)
        return self._paths

    @cached_property
    def _paths(self) -> tuple[RootPath, ...]:
        keys = self._with_dependencies(self._used_at_all()) if self.whole else {*self._executed(), *self._by_name()}
        return tuple(path for key in sorted(keys) for path in self._files(key))

    def _files(self, key: str) -> Iterator[RootPath]:
        return (path for path in self.facts.package_files(key) if not LEFT_OUT.search(path))

    def _executed(self) -> Iterator[str]:
        packages = self.facts.packages
        for path in self.facts.executed:
            for key in packages.owners_of(path):
                if key not in packages.base and not RUNTIMES.match(key):
                    yield key

    def _used_at_all(self) -> set[str]:
        packages = self.facts.packages
        return {key for path in self.facts.used for key in packages.owners_of(path)}

    def _by_name(self) -> Iterator[str]:
        """Yield small packages that were installed by name: not as a dependency, nor with the base."""
        packages = self.facts.packages
        automatic = self._automatic()
        if packages.system != "dpkg" or not automatic:
            return
        for key in self.facts.files_by_package:
            if package_name(key) in automatic or key in packages.base or RUNTIMES.match(key):
                continue
            if self.facts.size_of(self._files(key)) <= SMALL:
                yield key

    def _automatic(self) -> frozenset[str]:
        """Return the packages that apt installed as dependencies (apt-mark(8), showauto)."""
        found, name = set(), ""
        for line in self.facts.rootfs.text(AUTOMATIC, MAX_STATES).split("\n"):
            field, _, value = line.partition(": ")
            if field == "Package":
                name = value
            elif field == "Auto-Installed" and value == "1":
                found.add(name)
        return frozenset(found)

    def _with_dependencies(self, keys: set[str]) -> set[str]:
        """Return the packages and what they depend on for running, transitively."""
        stanzas = {package_name(key): (key, stanza) for key, stanza in self.facts.packages.stanzas}
        provided = {
            word: name
            for name, (_, stanza) in stanzas.items()
            for word in re.split(r"[,\s]+", read_field(stanza, b"Provides"))
        }
        chosen: set[str] = set()
        pending = [package_name(key) for key in keys]
        while pending:
            name = pending.pop()
            name = name if name in stanzas else provided.get(name, "")
            if name not in stanzas or stanzas[name][0] in chosen:
                continue
            key, stanza = stanzas[name]
            chosen.add(key)
            for line in DEPENDS.findall(stanza):
                for group in os.fsdecode(line).split(","):
                    words = (re.split(r"[ (:]", one.strip(), maxsplit=1)[0] for one in ALTERNATIVE.split(group.strip()))
                    pending += words
        return chosen
