"""Read name, version, licence, files and dependencies from the header of an installed rpm package.

The format is that of the database (lib/header.c of rpm): number of entries, number of data bytes, an index with tag,
type, offset and count of each entry, and the data. Only the requested tags are decoded.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

NAME, VERSION, RELEASE, EPOCH, ARCH = 1000, 1001, 1002, 1003, 1022
OLD_FILENAMES, DIR_INDEXES, BASENAMES, DIRNAMES = 1027, 1116, 1117, 1118
LICENCE, SOURCE = 1014, 1044
PROVIDED_NAMES, REQUIRED_NAMES = 1047, 1049
MAX_NAMES = 50_000
MAX_ENTRIES = 0xFFFF
MAX_FILES = 2_000_000
MAX_PATH = 4096
_ENTRY = struct.Struct(">IIII")
_READ_TAGS = frozenset({
    NAME, VERSION, RELEASE, EPOCH, ARCH, LICENCE, SOURCE, OLD_FILENAMES, DIR_INDEXES, BASENAMES, DIRNAMES,
    PROVIDED_NAMES, REQUIRED_NAMES
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    """One header."""

    _data: memoryview
    _index: Mapping[int, tuple[int, int]]
    """Offset and count by tag."""

    @property
    def name(self) -> str:
        return self._text(NAME)

    @property
    def version(self) -> tuple[int, str, str]:
        """Epoch, version and release."""
        return next(iter(self._numbers(EPOCH)), 0), self._text(VERSION), self._text(RELEASE)

    @property
    def architecture(self) -> str:
        return self._text(ARCH)

    @property
    def licence(self) -> str:
        return self._text(LICENCE)

    @property
    def source(self) -> str:
        """The file name of the source package, "bash-5.2-1.src.rpm"."""
        return self._text(SOURCE)

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield directory and name of each file. Old packages have whole paths in their headers."""
        for path in self._texts(OLD_FILENAMES):
            directory, _, name = path.rpartition("/")
            yield directory or "/", name
        directories = [name.rstrip("/") or "/" for name in self._texts(DIRNAMES)]
        for number, name in zip(self._numbers(DIR_INDEXES), self._texts(BASENAMES), strict=False):
            if number < len(directories) and len(directories[number]) <= MAX_PATH:
                yield directories[number], name

    def provided(self) -> list[str]:
        """Return the names of what the package provides."""
        return self._texts(PROVIDED_NAMES, MAX_NAMES)

    def required(self) -> list[str]:
        """Return the names of what the package requires: packages, libraries, or paths."""
        return self._texts(REQUIRED_NAMES, MAX_NAMES)

    def _text(self, tag: int) -> str:
        return next(iter(self._texts(tag, 1)), "")

    def _texts(self, tag: int, most: int = MAX_FILES) -> list[str]:
        if tag not in self._index:
            return []
        offset, count = self._index[tag]
        count = min(count, most)
        # A single string does not need a copy of all the data after it.
        raw = bytes(self._data[offset : offset + MAX_PATH] if most == 1 else self._data[offset:])
        return [os.fsdecode(text) for text in raw.split(b"\0", count)[:count]]

    def _numbers(self, tag: int) -> tuple[int, ...]:
        offset, count = self._index.get(tag, (0, 0))
        count = min(count, MAX_FILES, max(len(self._data) - offset, 0) // 4)
        return struct.unpack_from(f">{count}I", self._data, offset) if count else ()


def read(blob: bytes) -> Header:
    """Return the header in `blob`. Raises ValueError if it is not a header."""
    if len(blob) < 8:
        raise ValueError("a header is truncated")
    entries, size = struct.unpack_from(">II", blob)
    begin = 8 + entries * _ENTRY.size
    if entries > MAX_ENTRIES or begin + size > len(blob):
        raise ValueError("a header is truncated")
    index: dict[int, tuple[int, int]] = {}
    for tag, _, offset, count in _ENTRY.iter_unpack(memoryview(blob)[8:begin]):
        if tag in _READ_TAGS and offset <= size:
            index[tag] = (offset, count)
    return Header(memoryview(blob)[begin : begin + size], index)
