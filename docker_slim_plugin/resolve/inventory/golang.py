"""Read the modules of a Go program from its build information (debug/buildinfo of Go 1.18 and later)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

SECTION = b".go.buildinfo"
MAGIC = b"\xff Go buildinf:"
INLINE = 2
"""Flag: the texts are in the section. Before Go 1.18 it had pointers to them."""
MAX_SECTIONS = 4096
MAX_NAMES = 1 << 16
MAX_INFO = 1 << 20
MAX_MODULES = 5000
_SENTINEL = 16
"""Bytes before and after the text of the modules."""


class OldBuildInfo(ValueError):
    """The program was made by Go before 1.18."""


def read_modules(file: BinaryIO) -> list[tuple[str, str]]:
    """Return path and version of each module of an ELF file; [] if it is not a Go program. Raises OldBuildInfo.

    The first is the main module. Go itself is the module "stdlib". A version is empty if it is not known.
    """
    try:
        info = _find_section(file)
    except (struct.error, OverflowError, OSError, ValueError):
        return []
    if not info.startswith(MAGIC) or len(info) < 32:
        return []
    if not info[15] & INLINE:
        raise OldBuildInfo
    version, rest = _split_text(info[32:])
    modules, _ = _split_text(rest)
    text = modules[_SENTINEL:-_SENTINEL].decode(errors="replace")
    release = version.decode(errors="replace").partition(" ")[0].removeprefix("go")
    return [*_parse(text), ("stdlib", release)]


def _parse(text: str) -> Iterator[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    program, is_module = "", False
    for line in text.split("\n", 2 * MAX_MODULES)[: 2 * MAX_MODULES]:
        kind, *words = line.split("\t")
        if kind == "path" and words:
            program = words[0]
        elif kind in ("mod", "dep") and words and words[0]:
            is_module = is_module or kind == "mod"
            found.append((words[0], words[1] if len(words) > 1 else ""))
        elif kind == "=>" and found and words and not words[0].startswith("."):
            # A replacement is what was compiled. One by a directory has no version of its own.
            found[-1] = (words[0], words[1] if len(words) > 1 else "")
    if program and not is_module:
        # It was built from files, outside of any module.
        found.insert(0, (program, ""))
    for path, version in found[:MAX_MODULES]:
        yield path, "" if version == "(devel)" else version


def _split_text(data: bytes) -> tuple[bytes, bytes]:
    """Return the text after a length (varint), and what follows it."""
    size = shift = 0
    for place, byte in enumerate(data[:10]):
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            start = place + 1
            return data[start : start + size], data[start + size :]
    return b"", b""


def _find_section(file: BinaryIO) -> bytes:
    """Return the start of the section with the build information, or nothing."""
    head = file.read(64)
    if not head.startswith(b"\x7fELF") or len(head) < 64 or head[4] not in (1, 2) or head[5] not in (1, 2):
        return b""
    order, wide = "<>"[head[5] - 1], head[4] == 2
    offset = struct.unpack_from(f"{order}Q" if wide else f"{order}I", head, 40 if wide else 32)[0]
    size, number, names = struct.unpack_from(f"{order}HHH", head, 58 if wide else 46)
    section = struct.Struct(f"{order}IIQQQQ" if wide else f"{order}IIIIII")
    if not section.size <= size <= 256 or number > MAX_SECTIONS or names >= number:
        return b""
    file.seek(offset)
    table = file.read(size * number)
    rows = [section.unpack_from(table, place * size) for place in range(number)]
    file.seek(rows[names][4])
    texts = file.read(min(rows[names][5], MAX_NAMES))
    for row in rows:
        if texts.startswith(SECTION + b"\0", row[0]):
            file.seek(row[4])
            return file.read(min(row[5], MAX_INFO))
    return b""
