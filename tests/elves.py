"""Tiny ELF files made in memory: program headers and a dynamic section, nothing that could run."""

from __future__ import annotations

import struct

X86_64 = 62
I386 = 3
AARCH64 = 183

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_SONAME, DT_RPATH, DT_RUNPATH, DT_FLAGS_1 = 1, 5, 10, 14, 15, 29, 0x6FFFFFFB
GLIBC = "/lib64/ld-linux-x86-64.so.2"
BASE = 0x400000


def elf(
    *needed: str,
    interpreter: str = "",
    soname: str = "",
    rpath: str = "",
    runpath: str = "",
    machine: int = X86_64,
    bits: int = 64,
    flags_1: int = 0,
) -> bytes:
    """Return an ELF file that asks the loader for all that; a static program when it asks for nothing."""
    wide = bits == 64
    ehsize, phsize = (64, 56) if wide else (52, 32)
    strings = bytearray(b"\0")

    def string(text: str) -> int:
        at = len(strings)
        strings.extend(text.encode(errors="surrogateescape") + b"\0")
        return at

    tags = [(DT_NEEDED, string(name)) for name in needed]
    for tag, text in ((DT_SONAME, soname), (DT_RPATH, rpath), (DT_RUNPATH, runpath)):
        tags += [(tag, string(text))] if text else []
    tags += [(DT_FLAGS_1, flags_1)] if flags_1 else []
    interp = interpreter.encode() + b"\0" if interpreter else b""
    count = 1 + bool(interp) + bool(tags)
    start = ehsize + count * phsize
    strtab = start + len(interp)
    tags += [(DT_STRTAB, BASE + strtab), (DT_STRSZ, len(strings)), (0, 0)] if tags else []
    dynamic = b"".join(struct.pack("<qQ" if wide else "<iI", *tag) for tag in tags)
    body = interp + bytes(strings) + dynamic
    segments = [(PT_LOAD, 0, start + len(body))]
    segments += [(PT_INTERP, start, len(interp))] if interp else []
    segments += [(PT_DYNAMIC, strtab + len(strings), len(dynamic))] if tags else []
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    layout = "<HHIQQQIHHHHHH" if wide else "<HHIIIIIHHHHHH"
    header = ident + struct.pack(layout, 3, machine, 1, 0, ehsize, 0, 0, ehsize, phsize, count, 0, 0, 0)
    return header + b"".join(_segment(wide, *segment) for segment in segments) + body


def _segment(wide: bool, kind: int, offset: int, size: int) -> bytes:
    if wide:
        return struct.pack("<IIQQQQQQ", kind, 4, offset, BASE + offset, BASE + offset, size, size, 8)
    return struct.pack("<IIIIIIII", kind, offset, BASE + offset, BASE + offset, size, size, 4, 4)
