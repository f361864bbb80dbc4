"""What glibc loads by name when a function is called: a library by which threads end, modules for character sets.

The functions that a program calls are the undefined symbols in its file. Nothing is executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, FileRule, Kept
from docker_slim_plugin.resolve.app_level.plugins import LIBRARIES, MODULE
from docker_slim_plugin.resolve.elf import elf_file
from docker_slim_plugin.rootfs.index import parents

C_LIBRARY = "/libc.so.6"
THREAD_LIBRARY = "libgcc_s.so.1"
CONVERTERS = re.compile(
    r"gconv-modules.*"
    r"|(?:UTF-\d+|UNICODE|ISO8859-(?:1|2|5|7|9|15)|CP125[0-4]|KOI8-[RU]|SJIS|EUC-(?:JP|KR)|BIG5|GBK|lib(?:JIS|KSC))\.so"
)
"""Modules for character sets that people use, about 1 MB. The others are those of mainframes and old systems."""


class CalledFunctions(FileRule):
    """A rule for functions that the C library serves by files beside it."""

    functions: frozenset[str]

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
                self._is_called = self.is_asked(path) and self._calls(path)
        return [path for place in self._places for path in self.files(place)] if self._is_called else ()

    def is_asked(self, path: RootPath) -> bool:  # noqa: ARG002
        """Tell whether the calls of a file count."""
        return True

    def files(self, place: str) -> Iterable[str]:
        """Return the files for the C library in a directory."""
        raise NotImplementedError

    def _calls(self, path: RootPath) -> bool:
        loader, rootfs = self.facts.loader, self.facts.rootfs
        if loader is None or rootfs.entries[path].kind is not EntryKind.FILE or loader.elf(path) is None:
            return False
        with rootfs.reader.open(path) as file:
            return not self.functions.isdisjoint(elf_file.read_imports(file))


class ThreadEnds(CalledFunctions):
    """The library by which threads end themselves or others. Without it, the whole process ends (pthread_exit(3))."""

    functions = frozenset({"pthread_exit", "pthread_cancel"})

    def files(self, place: str) -> Iterable[str]:
        return [f"{place}/{THREAD_LIBRARY}"]


class CharacterSets(CalledFunctions):
    """Converters for programs that ran, and modules that were loaded, which call iconv_open(3).

    Libraries offer more than a program asks for, and so do the tools of the base.
    """

    functions = frozenset({"iconv_open"})

    def is_asked(self, path: RootPath) -> bool:
        if path not in self.facts.used or not self.facts.packages.essential.isdisjoint(
            self.facts.packages.owners_of(path)
        ):
            return False
        is_module = bool(MODULE.search(path)) and not LIBRARIES.match(next(parents(path)))
        return is_module or path in self.facts.executed

    def files(self, place: str) -> Iterable[str]:
        below = self.facts.files_below(RootPath(f"{place}/gconv"))
        return [path for path in below if CONVERTERS.fullmatch(path.rpartition("/")[2])]
