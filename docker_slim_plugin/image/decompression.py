"""Decompress a layer: plain, gzip, or zstd if Python supports it (3.14 and later)."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

_BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


class UnreadableArchive(Exception):
    """An archive whose content cannot be used. The text is the reason."""


class PlainLayer(NamedTuple):
    """The uncompressed tar of a layer."""

    file: Path
    diff_id: str
    """sha256:... of the tar."""
    size: int


def decompress_layer(file: Path, max_bytes: int) -> PlainLayer:
    """Return the layer in `file` as a plain tar. A compressed layer is written beside `file`.

    Raises UnreadableArchive if it is broken, or if the tar has more than `max_bytes`: then the engine cannot have
    unpacked it.
    """
    with open(file, "rb") as raw:
        magic = raw.read(4)
        raw.seek(0)
        if magic[:2] == _GZIP:
            return _write_plain(
                _read_blocks(gzip.GzipFile(fileobj=raw), (EOFError, gzip.BadGzipFile, zlib.error)), file, max_bytes
            )
        if magic == _ZSTD:
            zstd = _import_zstd()
            return _write_plain(_read_blocks(zstd.ZstdFile(raw), (EOFError, zstd.ZstdError)), file, max_bytes)
        digest = hashlib.file_digest(raw, "sha256")
        return PlainLayer(file, f"sha256:{digest.hexdigest()}", raw.tell())


def _read_blocks(packed: BinaryIO | gzip.GzipFile, broken: tuple[type[Exception], ...]) -> Iterator[bytes]:
    try:
        while block := packed.read(_BLOCK):
            yield block
    except broken as error:
        raise UnreadableArchive(f"a layer in it is broken: {error}") from error


def _write_plain(blocks: Iterator[bytes], file: Path, max_bytes: int) -> PlainLayer:
    plain = file.with_suffix(".tar")
    digest, size = hashlib.sha256(), 0
    with open(plain, "wb") as out:
        for block in blocks:
            size += len(block)
            if size > max_bytes:
                raise UnreadableArchive("a layer in it is far larger than the unpacked image")
            digest.update(block)
            out.write(block)
    file.unlink()
    return PlainLayer(plain, f"sha256:{digest.hexdigest()}", size)


def _import_zstd() -> Any:
    try:
        return importlib.import_module("compression.zstd")
    except ImportError as error:
        raise UnreadableArchive(
            "a layer in it is compressed with zstd, which only Python 3.14 and later can read"
        ) from error
