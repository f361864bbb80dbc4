"""Read the installed packages of a dpkg image and their dependencies, and find packages that can be removed.

Only hard dependencies count (Depends, Pre-Depends). A dependency on "a | b" is fulfilled by either package. If only a
is installed, the package manager may install b in its place: such a dependency is called soft here. Versions are not
checked: the package manager checks them before it removes anything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from docker_slim_plugin.resolve.packages.ownership import package_name

MANAGERS = frozenset({"apt", "dpkg"})
MIN_REPLACEMENT_GAIN = 1_000_000
"""Bytes that a removal must save if the package manager installs something in its place."""
_WORD = re.compile(r"\s*([a-z0-9][a-z0-9+.-]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One installed package."""

    name: str
    essential: bool = False
    priority: str = ""
    provides: frozenset[str] = frozenset()
    """Names that it provides, its own included."""
    depends: tuple[tuple[str, ...], ...] = ()
    """Its dependencies. Each one is fulfilled by any of its names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnneededGroup:
    """Packages that no other package needs, and that can be removed together."""

    names: tuple[str, ...]
    """First the packages that nothing needs, then those that only they need."""
    size: int
    required: bool = False
    """Whether one of them has the priority "required". None of them is essential."""
    replacements: tuple[str, ...] = ()
    """Packages that the package manager would install in their place."""


def read_installed(stanzas: Iterable[tuple[str, bytes]]) -> InstalledPackages:
    """Return the installed packages of dpkg's status file. A package of two architectures counts once."""
    found: dict[str, Package] = {}
    for key, stanza in stanzas:
        fields = _fields(stanza)
        if fields.get("Status", "").split()[-1:] != ["installed"]:
            continue
        name = package_name(key)
        other = found.get(name, Package(name=name))
        depends = ",".join(fields[word] for word in ("Pre-Depends", "Depends") if fields.get(word))
        found[name] = Package(
            name=name,
            essential=fields.get("Essential") == "yes" or other.essential,
            priority=fields.get("Priority", ""),
            provides=frozenset({name, *_package_names(fields.get("Provides", "").split(","))}),
            depends=(
                *other.depends,
                *(_package_names(group.split("|")) for group in depends.split(",") if group.strip()),
            ),
        )
    return InstalledPackages(found)


def _fields(stanza: bytes) -> dict[str, str]:
    lines = re.sub(r"\n[ \t]", " ", os.fsdecode(stanza)).split("\n")
    pairs = (line.partition(":") for line in lines)
    return {name: value.strip() for name, _, value in pairs}


def _package_names(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(match[1] for word in words if (match := _WORD.match(word)))


@dataclass(frozen=True)
class InstalledPackages:
    """The installed packages by name."""

    packages: Mapping[str, Package] = field(default_factory=dict)

    @cached_property
    def providers(self) -> Mapping[str, frozenset[str]]:
        """The installed packages that provide each name."""
        found: dict[str, set[str]] = {}
        for package in self.packages.values():
            for name in package.provides:
                found.setdefault(name, set()).add(package.name)
        return {name: frozenset(names) for name, names in found.items()}

    @cached_property
    def _dependents(self) -> Mapping[str, tuple[tuple[str, frozenset[str], tuple[str, ...]], ...]]:
        """For each package, its dependents.

        Each is a tuple of the dependent package, all installed packages that fulfil the dependency, and names that
        could fulfil it but are not installed.
        """
        found: dict[str, list[tuple[str, frozenset[str], tuple[str, ...]]]] = {}
        for package in self.packages.values():
            for group in package.depends:
                providers = frozenset().union(*(self.providers.get(name, frozenset()) for name in group))
                absent = tuple(name for name in group if name not in self.packages)
                for name in providers:
                    found.setdefault(name, []).append((package.name, providers, absent))
        return {name: tuple(needs) for name, needs in found.items()}

    def find_broken(self, removed: Collection[str]) -> tuple[dict[str, set[str]], set[str]]:
        """Return the dependencies that break if packages are removed.

        The first value maps a removed package to the remaining packages that need it. The second are packages that
        could take the place of removed ones.
        """
        hard: dict[str, set[str]] = {}
        replacements: set[str] = set()
        removed_names = frozenset(removed)
        for name in sorted(removed_names):
            for dependent, providers, absent in self._dependents.get(name, ()):
                if dependent not in removed_names and dependent != name and providers <= removed_names:
                    if absent:
                        replacements.update(absent)
                    else:
                        hard.setdefault(name, set()).add(dependent)
        return hard, replacements

    def dependent_closure(self, names: Collection[str]) -> frozenset[str]:
        """Return the names, and every package that needs one of them, directly or not."""
        found, pending = set(names), list(set(names))
        unmet: dict[tuple[str, int], int] = {}
        """By dependent and dependency: how many packages that fulfil it are not in the closure yet."""
        while pending:
            for dependent, providers, absent in self._dependents.get(pending.pop(), ()):
                dependency = (dependent, id(providers))
                unmet[dependency] = unmet.get(dependency, len(providers)) - 1
                if not unmet[dependency] and not absent and dependent not in found:
                    found.add(dependent)
                    pending.append(dependent)
        return frozenset(found)

    def find_unremovable(self, names: Iterable[str]) -> list[str]:
        """Return those of the names that every base needs."""
        return sorted(name for name in names if name in MANAGERS or self.packages[name].essential)

    def find_unneeded(self, sizes: Mapping[str, int]) -> tuple[UnneededGroup, ...]:
        """Return the groups that nothing needs, largest first. `sizes` are bytes by package."""
        groups: dict[frozenset[str], UnneededGroup] = {}
        dependents = {name: self.dependent_closure([name]) for name in sorted(self.packages)}
        for group in dependents.values():
            # The packages of a group need each other, and nothing else needs them.
            if group in groups or self.find_unremovable(group) or any(dependents[name] != group for name in group):
                continue
            names = [*sorted(group), *sorted(self._find_orphans(group))]
            size = sum(sizes.get(name, 0) for name in names)
            replacements = tuple(sorted(self.find_broken(names)[1]))
            if not replacements or size >= MIN_REPLACEMENT_GAIN:
                groups[group] = UnneededGroup(
                    names=tuple(names),
                    size=size,
                    required=any(self.packages[name].priority == "required" for name in names),
                    replacements=replacements,
                )
        return tuple(sorted(groups.values(), key=lambda group: (-group.size, group.names)))

    def _find_orphans(self, names: Collection[str]) -> set[str]:
        """Return the packages that only `names` need, directly or not."""
        found = set(names)
        before = 0
        while len(found) > before:
            before = len(found)
            _, replacements = self.find_broken(found)
            wanted = {name for one in found for group in self.packages[one].depends for name in group}
            below = {name for word in wanted for name in self.providers.get(word, ())} - found
            for name in sorted(below - set(self.find_unremovable(below))):
                hard, others = self.find_broken({*found, name})
                if not hard and others <= replacements:
                    found.add(name)
        return found - set(names)
