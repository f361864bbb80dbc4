"""Which packages a package needs for running, as the package database declares it.

A package may provide other names (virtual packages, libraries, commands), and a requirement may name a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

MAX_PROVIDERS = 64
"""Most packages that may provide one name. A real name has a few."""


class DeclaredDependencies:
    """Collects what packages declare, and then finds the packages that they mean."""

    def __init__(self) -> None:
        self._required: dict[str, list[str]] = {}
        self._providers: dict[str, list[str]] = {}

    def add(self, key: str, provided: Iterable[str], required: Iterable[str]) -> None:
        """Add a package with the names that it provides (its own is one of them) and those that it requires."""
        self._required.setdefault(key, []).extend(required)
        for name in provided:
            providers = self._providers.setdefault(name, [])
            if len(providers) < MAX_PROVIDERS:
                providers.append(key)

    def resolve(self, owners_of: Callable[[str], Iterable[str]] = lambda _: ()) -> Mapping[str, tuple[str, ...]]:
        """Return the keys of the packages that each package needs. `owners_of` gives those that own a path.

        Of alternatives, all that are installed count.
        """
        return {key: self._found(names, owners_of) for key, names in self._required.items()}

    def _found(self, names: Iterable[str], owners_of: Callable[[str], Iterable[str]]) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for name in dict.fromkeys(names):
            keys = self._providers.get(name) or (owners_of(name) if name.startswith("/") else ())
            found.update(dict.fromkeys(keys))
        return tuple(found)


def find_closure(
    keys: Iterable[str], depends: Mapping[str, Iterable[str]], is_wanted: Callable[[str], bool] = lambda _: True
) -> set[str]:
    """Return the packages with what they need, transitively, as far as it is wanted."""
    found: set[str] = set()
    pending = list(keys)
    while pending:
        key = pending.pop()
        if key not in found and is_wanted(key):
            found.add(key)
            pending += depends.get(key, ())
    return found
