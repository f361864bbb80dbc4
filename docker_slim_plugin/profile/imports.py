"""Which functions kept programs and libraries import. The sandbox process calls this: it reads files of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.elf import elf_file
from docker_slim_plugin.rootfs.index import Rootfs


@dataclass(frozen=True, slots=True)
class Import:
    """A function, and the first file that imports it."""

    function: str
    path: str


@dataclass(frozen=True, slots=True)
class Imports:
    """The imports of the kept files, as far as they stand for system calls."""

    functions: tuple[Import, ...]
    static: tuple[str, ...]
    """Programs without an import table, whose calls only a run shows."""

    def by_name(self) -> dict[str, str]:
        return {one.function: one.path for one in self.functions}


def find_imports(rootfs: Rootfs, paths: Sequence[RootPath], functions: Sequence[str]) -> Imports:
    """Return which of `functions` the ELF files among `paths` import."""
    wanted = frozenset(functions)
    found: dict[str, str] = {}
    static: list[str] = []
    for path in sorted(paths):
        entry = rootfs.entries.get(path)
        if entry is None or entry.kind is not EntryKind.FILE or entry.size < elf_file.IDENT:
            continue
        try:
            with rootfs.reader.open(path) as file:
                if file.read(len(elf_file.MAGIC)) != elf_file.MAGIC:
                    continue
                try:
                    elf = elf_file.read(file)
                except elf_file.MalformedElf:
                    continue
                names = elf_file.read_imports(file)
        except OSError:
            continue
        # The dynamic loader itself has a name, and no imports.
        if elf.is_static and not elf.soname and entry.is_executable and not names:
            static.append(path)
        for name in sorted(wanted & names):
            found.setdefault(name, path)
    return Imports(tuple(Import(*pair) for pair in sorted(found.items())), tuple(static))
