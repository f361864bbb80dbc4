"""The library by which glibc ends a thread. It is loaded by name, when a thread ends itself or another one.

Without it, pthread_exit(3) and pthread_cancel(3) end the whole process ("libgcc_s.so.1 must be installed ...").
"""

from __future__ import annotations

from collections.abc import Iterable

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, FileRule, Kept
from docker_slim_plugin.resolve.elf import elf_file

LIBRARY = "libgcc_s.so.1"
FUNCTIONS = frozenset({"pthread_exit", "pthread_cancel"})
C_LIBRARY = "/libc.so.6"


class ThreadEnds(FileRule):
    """The rule: a kept program or library calls one of these functions."""

    def __init__(self, facts: AppFacts) -> None:
        super().__init__(facts)
        self._is_called = False
        self._places: list[str] = []
        """The directories of kept C libraries."""

    def find(self, kept: Kept) -> Iterable[str]:
        for path in self.new_files(kept):
            if path.endswith(C_LIBRARY):
                self._places.append(path.removesuffix(C_LIBRARY))
            elif not self._is_called:
                self._is_called = self._calls(path)
        return [f"{place}/{LIBRARY}" for place in self._places] if self._is_called else ()

    def _calls(self, path: RootPath) -> bool:
        loader, rootfs = self.facts.loader, self.facts.rootfs
        if loader is None or rootfs.entries[path].kind is not EntryKind.FILE or loader.elf(path) is None:
            return False
        with rootfs.reader.open(path) as file:
            return not FUNCTIONS.isdisjoint(elf_file.read_imports(file))
