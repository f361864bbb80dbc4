"""Text for a terminal: foreign text with its control characters escaped, sizes, durations, tables."""

from __future__ import annotations

import shlex
from collections.abc import Sequence


def printable(text: str) -> str:
    """Return `text` with every character that could control a terminal as a backslash escape.

    These are control characters, line ends, bidirectional and other format characters, surrogates (bytes that are not
    UTF-8) and unassigned characters.
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # os.fsdecode's spelling of a byte
        number -= 0xDC00
    if character in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[character]
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def command_line(words: Sequence[str]) -> str:
    """Return words as a line for bash that can be shown: $'' has the escapes of `printable`."""
    return " ".join(shlex.quote(word) if word.isprintable() else f"$'{printable(_escaped(word))}'" for word in words)


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("'", "\\'")


def size(number: int) -> str:
    """Return a number of bytes as docker prints it: decimal units, three digits ("10.4MB")."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.4g}TB"


def seconds(value: float) -> str:
    """Return a duration: "0.4 s", "12 s", "3 min 5 s"."""
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"


def counted(number: int, thing: str) -> str:
    """Return "1 command", "2 commands"."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows as columns three spaces apart, as docker's lists are. Cells must be printable."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
