"""Counts what cannot be read in the app's own sources: modules that are loaded by a name that the program computes."""

from __future__ import annotations

from collections.abc import Iterator

from docker_slim_plugin.model.entry import RootPath

SHOWN = 3


class ComputedNames:
    """The counts of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._counts: dict[RootPath, int] = {}

    def add(self, path: RootPath, count: int) -> None:
        """Count names in a source."""
        if count:
            self._counts[path] = count

    def notes(self) -> Iterator[str]:
        if self._counts:
            places = ", ".join(sorted(self._counts)[:SHOWN]) + (" ..." if len(self._counts) > SHOWN else "")
            yield (
                f"{self.language}: {sum(self._counts.values())} modules are loaded by names that the app computes, in "
                f"{places}: what they load is kept only if the run used it, or if it is in a kept package"
            )
