"""Read from an ELF file what the dynamic loader uses: PT_INTERP, DT_NEEDED, DT_RPATH, DT_RUNPATH.

Only the program headers and the dynamic section are read: a few hundred bytes of a file of any size. The structures are
those of pyelftools. Its class ELFFile is not used, because it trusts counts and offsets, and the files are not trusted.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, BinaryIO

from elftools.common.exceptions import ELFError
from elftools.common.utils import struct_parse
from elftools.construct import ConstructError
from elftools.elf.structs import ELFStructs

MAGIC = b"\x7fELF"
IDENT = 16
MAX_SEGMENTS = 512
MAX_TAGS = 4096
MAX_NEEDED = 1024
MAX_STRING = 4096
MAX_DIRECTORIES = 1024
MAX_NAME = 256
MAX_SYMBOLS = 1 << 17
MAX_STRINGS = 16 << 20
DF_1_NODEFLIB = 0x800
"""Do not search the default directories (elf.h)."""
CLASSES = {1: 32, 2: 64}
BYTE_ORDERS = {1: "little", 2: "big"}


class MalformedElf(ValueError):
    """The file starts like an ELF file, but is not a valid one."""


@dataclass(frozen=True, slots=True)
class Elf:
    """The fields of one file that the dynamic loader uses."""

    bits: int
    order: str
    """Byte order: little or big."""
    machine: str
    """Name of the machine in pyelftools, e.g. EM_X86_64, or the digits of an unknown number."""
    interpreter: str = ""
    soname: str = ""
    needed: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    """Empty if there is a RUNPATH, because ld.so then ignores RPATH."""
    runpath: tuple[str, ...] = ()
    no_default: bool = False
    """Linked with -z nodefaultlib."""

    @property
    def is_static(self) -> bool:
        """Whether the file runs without a loader and without libraries."""
        return not self.interpreter and not self.needed

    @property
    def abi(self) -> tuple[int, str, str]:
        """The properties that files mapped into one process must share."""
        return self.bits, self.order, self.machine


def read(file: BinaryIO) -> Elf:
    """Return the fields of `file` that the loader uses. Raises MalformedElf if it is not a valid ELF file."""
    try:
        return _read(file)
    except (ELFError, ConstructError, OSError, ValueError, OverflowError) as error:
        raise MalformedElf(str(error)) from error


def read_imports(file: BinaryIO) -> frozenset[str]:
    """Return the names of the undefined dynamic symbols of `file`; none if the file is not valid."""
    try:
        return _read_imports(file)
    except (ELFError, ConstructError, OSError, ValueError, OverflowError):
        return frozenset()


def _read_imports(file: BinaryIO) -> frozenset[str]:
    bits, order, structs, header = _header(file)
    segments = _segments(file, structs, header)
    tags = _tags(file, structs, segments)
    symbols, strings = (tags.get(name, [0])[0] for name in ("DT_SYMTAB", "DT_STRTAB"))
    if not symbols or strings <= symbols:
        return frozenset()
    # No tag has the number of symbols. Every linker puts the string table after them. Anything between the two is
    # read as symbols too, and its names match nothing.
    layout = struct.Struct(("<" if order == "little" else ">") + ("IBBHQQ" if bits == 64 else "IIIBBH"))
    section = 3 if bits == 64 else 5
    count = min((strings - symbols) // layout.size, MAX_SYMBOLS)
    file.seek(_file_offset(segments, symbols))
    table = file.read(count * layout.size)
    file.seek(_file_offset(segments, strings))
    names = file.read(min(tags.get("DT_STRSZ", [0])[0], MAX_STRINGS))
    table = table[: len(table) - len(table) % layout.size]
    offsets = {symbol[0] for symbol in layout.iter_unpack(table) if symbol[section] == 0 and symbol[0]}
    return frozenset(os.fsdecode(names[at : at + MAX_NAME].partition(b"\0")[0]) for at in offsets if at < len(names))


def _header(file: BinaryIO) -> tuple[int, str, Any, Any]:
    """Return class, byte order, the structures for both, and the file header."""
    file.seek(0)
    ident = file.read(IDENT)
    if len(ident) < IDENT or not ident.startswith(MAGIC) or ident[4] not in CLASSES or ident[5] not in BYTE_ORDERS:
        raise MalformedElf("not an ELF file of a known class and byte order")
    bits, order = CLASSES[ident[4]], BYTE_ORDERS[ident[5]]
    structs = _structures(bits, order)
    return bits, order, structs, struct_parse(structs.Elf_Ehdr, file, stream_pos=0)


def _read(file: BinaryIO) -> Elf:
    bits, order, structs, header = _header(file)
    segments = _segments(file, structs, header)
    tags, strings = _dynamic(file, structs, segments)
    runpath = _directories(strings, tags.get("DT_RUNPATH", []))
    return Elf(
        bits=bits,
        order=order,
        machine=str(header["e_machine"]),
        interpreter=_interpreter(file, segments),
        soname="".join(strings.get(offset, "") for offset in tags.get("DT_SONAME", [])[:1]),
        needed=tuple(name for offset in tags.get("DT_NEEDED", []) if (name := strings.get(offset, ""))),
        rpath=() if runpath else _directories(strings, tags.get("DT_RPATH", [])),
        runpath=runpath,
        no_default=any(flags & DF_1_NODEFLIB for flags in tags.get("DT_FLAGS_1", [])),
    )


@lru_cache
def _structures(bits: int, order: str) -> Any:
    structs = ELFStructs(little_endian=order == "little", elfclass=bits)
    structs.create_basic_structs()
    # Without a machine, only the tags of that machine stay numbers. None of them is used here.
    structs.create_advanced_structs()
    return structs


def _segments(file: BinaryIO, structs: Any, header: Any) -> list[Any]:
    count, size = header["e_phnum"], header["e_phentsize"]
    if count > MAX_SEGMENTS:
        raise MalformedElf(f"{count} segments")
    # Both sizes come from the file. Entries of another size could be parsed, but ld.so refuses them.
    if count and size != structs.Elf_Phdr.sizeof():
        raise MalformedElf(f"program headers of {size} bytes")
    return [struct_parse(structs.Elf_Phdr, file, header["e_phoff"] + index * size) for index in range(count)]


def _interpreter(file: BinaryIO, segments: list[Any]) -> str:
    for segment in segments:
        if segment["p_type"] == "PT_INTERP":
            file.seek(segment["p_offset"])
            return _string(file.read(min(segment["p_filesz"], MAX_STRING)))
    return ""


def _dynamic(file: BinaryIO, structs: Any, segments: list[Any]) -> tuple[dict[str, list[int]], dict[int, str]]:
    """Return the values by tag, and the strings to which they point by offset."""
    tags = _tags(file, structs, segments)
    names = ("DT_SONAME", "DT_NEEDED", "DT_RPATH", "DT_RUNPATH")
    offsets = [offset for name in names for offset in tags.get(name, [])]
    if len(offsets) > MAX_NEEDED:
        raise MalformedElf(f"{len(offsets)} names in the dynamic section")
    if not offsets:
        return tags, {}
    start = _file_offset(segments, tags.get("DT_STRTAB", [0])[0])
    limit = tags.get("DT_STRSZ", [0])[0]
    return tags, {offset: _string_at(file, start + offset) for offset in offsets if offset < limit}


def _tags(file: BinaryIO, structs: Any, segments: list[Any]) -> dict[str, list[int]]:
    """Return the values by tag of the dynamic section. A static program has none."""
    dynamic = next((segment for segment in segments if segment["p_type"] == "PT_DYNAMIC"), None)
    tags: dict[str, list[int]] = {}
    if dynamic is None:
        return tags
    size = structs.Elf_Dyn.sizeof()
    count = min(dynamic["p_filesz"] // size, MAX_TAGS)
    for index in range(count):
        tag = struct_parse(structs.Elf_Dyn, file, dynamic["p_offset"] + index * size)
        if tag["d_tag"] == "DT_NULL":
            break
        tags.setdefault(str(tag["d_tag"]), []).append(tag["d_val"])
    return tags


def _file_offset(segments: list[Any], address: int) -> int:
    for segment in segments:
        if segment["p_type"] == "PT_LOAD" and 0 <= address - segment["p_vaddr"] < segment["p_filesz"]:
            return int(segment["p_offset"] + address - segment["p_vaddr"])
    raise MalformedElf("the string table is in no segment")


def _string_at(file: BinaryIO, offset: int) -> str:
    file.seek(offset)
    return _string(file.read(MAX_STRING))


def _string(raw: bytes) -> str:
    return os.fsdecode(raw.partition(b"\0")[0])


def _directories(strings: dict[int, str], offsets: list[int]) -> tuple[str, ...]:
    parts = (part for offset in offsets for part in strings.get(offset, "").split(":") if part)
    return tuple(islice(parts, MAX_DIRECTORIES))
