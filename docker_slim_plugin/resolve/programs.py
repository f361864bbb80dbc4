"""Find a static program in an image by its name."""

from __future__ import annotations

from typing import BinaryIO

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.elf import elf_file
from docker_slim_plugin.rootfs.index import Rootfs


def find_static_program(rootfs: Rootfs, name: str, machine: str, largest: int) -> RootPath | None:
    """Return the first file called `name` that is a static program for `machine` and has at most `largest` bytes."""
    for path, entry in rootfs.entries.items():
        if entry.kind is EntryKind.FILE and path.endswith(f"/{name}") and entry.size <= largest:
            with rootfs.reader.open(path) as file:
                if is_static(file, machine):
                    return path
    return None


def is_static(file: BinaryIO, machine: str) -> bool:
    """Return whether a file is a static program for a machine, in ELF's spelling (EM_X86_64)."""
    try:
        found = elf_file.read(file)
    except elf_file.MalformedElf:
        return False
    return found.is_static and found.machine == machine
