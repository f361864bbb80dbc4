"""Java archives and Go programs, made for tests."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping

POM = "META-INF/maven/{group}/{name}/pom.properties"


def jar(members: Mapping[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def pom(group: str, name: str, version: str) -> dict[str, bytes | str]:
    """Return the member in which Maven says who an archive is."""
    return {POM.format(group=group, name=name): f"#made\ngroupId={group}\nartifactId={name}\nversion={version}\n"}


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes((number & 0x7F | 0x80,))
        number >>= 7
    return out + bytes((number,))


def go_program(modules: str, version: str = "go1.22.1", flags: int = 2) -> bytes:
    """Return an ELF file with the section that Go writes: its version, and `modules` between two marks of 16 bytes."""
    text = b"\x30" * 16 + modules.encode() + b"\xf9" * 16
    info = b"\xff Go buildinf:" + bytes((8, flags)) + bytes(16) + varint(len(version)) + version.encode() + varint(len(text)) + text
    names = b"\0.go.buildinfo\0.shstrtab\0"
    sections = [(0, 0, 0), (1, 64, len(info)), (15, 64 + len(info), len(names))]
    table = b"".join(struct.pack("<IIQQQQIIQQ", name, 1, 0, 0, at, size, 0, 0, 1, 0) for name, at, size in sections)
    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, 64 + len(info) + len(names), 0, 64, 56, 0, 64, 3, 2)
    return head + info + names + table
