"""Read from a Java archive who it is: pom.properties of Maven, or its manifest; also of archives inside.

An archive is hostile: its directory, the number and sizes of its files, and the depth of archives inside are limited.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

SUFFIXES = (".jar", ".war", ".ear", ".hpi", ".jpi", ".par", ".sar")
MAX_DIRECTORY = 16 << 20
"""Bytes of an archive's central directory."""
MAX_FILE = 1 << 16
"""Bytes of a pom.properties or a manifest."""
MAX_INNER = 64 << 20
"""Bytes of an archive inside of another one."""
MAX_TOTAL = 256 << 20
"""Bytes of all archives inside of others, for one image."""
MAX_POMS = 2000
MAX_DEPTH = 3
ERRORS = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OSError, OverflowError, RuntimeError,
    ValueError,
)  # fmt: skip
_POM = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties")
_MANIFEST = "META-INF/MANIFEST.MF"
_FILE_NAME = re.compile(r"(?P<name>.+?)-(?P<version>\d[^/]*)")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Archive(NamedTuple):
    """Who an archive is."""

    group: str
    name: str
    version: str
    inner: str
    """Path inside of the outermost archive, or "" for that itself."""


@dataclass(slots=True)
class Budget:
    """What may still be read from archives inside of others."""

    left: int = MAX_TOTAL


class _Limited(io.RawIOBase):
    """A file of which at most MAX_DIRECTORY bytes are read at once: zipfile reads a whole directory in one go."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(min(size, MAX_DIRECTORY + 1) if size >= 0 else MAX_DIRECTORY + 1)
        if len(data) > MAX_DIRECTORY:
            raise ValueError("its directory is too large")
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True


def read_archive(file: BinaryIO, path: str, budget: Budget) -> Iterator[Archive]:
    """Yield the archive at `path`, what is merged into it, and what is inside. Raises one of ERRORS."""
    yield from _read(file, path, "", budget, 1)


def _read(file: BinaryIO, path: str, inner: str, budget: Budget, depth: int) -> Iterator[Archive]:
    # latin-1 needs no codec that Python would have to load.
    limited: Any = _Limited(file)
    with zipfile.ZipFile(limited, metadata_encoding="latin-1") as archive:
        members = archive.infolist()
        poms = [one for one in members if _POM.fullmatch(one.filename)][:MAX_POMS]
        found = [pom for one in poms if (pom := _parse_pom(_content(archive, one), inner)) is not None]
        own = next((one for one in found if _is_own(one, path)), found[0] if len(found) == 1 else None)
        if own is None:
            manifest = next((one for one in members if one.filename == _MANIFEST), None)
            own = _from_manifest(parse_manifest(_content(archive, manifest)) if manifest else {}, path, inner)
        if own is not None:
            yield own
        yield from (one for one in found if one != own)
        for one in members:
            if one.filename.lower().endswith(SUFFIXES):
                yield from _read_inner(archive, one, inner, budget, depth)


def _read_inner(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, inner: str, budget: Budget, depth: int
) -> Iterator[Archive]:
    if depth >= MAX_DEPTH or member.file_size > min(MAX_INNER, budget.left):
        raise ValueError("it has archives inside that are too many, too large or nested too deep")
    content = _content(archive, member, MAX_INNER)
    budget.left -= len(content)
    place = f"{inner}!/{member.filename}" if inner else member.filename
    yield from _read(io.BytesIO(content), member.filename, place, budget, depth + 1)


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int = MAX_FILE) -> bytes:
    """Return up to `most` bytes of a member."""
    if member.compress_type not in _METHODS or member.flag_bits & 1:
        raise ValueError("it is encrypted, or compressed in an unusual way")
    with archive.open(member) as file:
        return file.read(most)


def _parse_pom(content: bytes, inner: str) -> Archive | None:
    fields: dict[str, str] = {}
    for line in content.decode("latin-1").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith(("#", "!")):
            fields[name.strip()] = value.strip()
    group, name, version = (fields.get(key, "") for key in ("groupId", "artifactId", "version"))
    return Archive(group, name, version, inner) if name else None


def parse_manifest(content: bytes) -> dict[str, str]:
    """Return the main section of a manifest (the JAR file specification): lines of 72 bytes, continued by a blank."""
    fields: dict[str, list[str]] = {}
    last: list[str] = []
    for line in content.decode(errors="replace").splitlines():
        if not line:
            break
        if line.startswith(" "):
            last.append(line[1:])
            continue
        name, _, value = line.partition(":")
        last = fields.setdefault(name, [value.strip()])
    return {name: "".join(parts) for name, parts in fields.items()}


def _is_own(one: Archive, path: str) -> bool:
    stem = _stem(path)
    return stem == one.name or stem.startswith(f"{one.name}-")


def _from_manifest(fields: dict[str, str], path: str, inner: str) -> Archive | None:
    """Return what the manifest and the file name say; None if there is no version."""
    named = _FILE_NAME.fullmatch(_stem(path))
    symbolic = fields.get("Bundle-SymbolicName", "").partition(";")[0].strip()
    title = fields.get("Implementation-Title", "")
    version = next(
        (fields[key] for key in ("Implementation-Version", "Bundle-Version", "Specification-Version") if key in fields),
        "",
    )
    name = named["name"] if named else _stem(path)
    if not (symbolic or title) and not (named and fields):
        return None
    version = named["version"] if named else version
    group = fields.get("Implementation-Vendor-Id", "") or (symbolic if "." in symbolic else "")
    return Archive(group, name, version, inner)


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]
