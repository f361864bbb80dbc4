"""Read which modules a Python source names: import statements at any depth, imports by a constant, dotted names.

The source is read as tokens, not parsed: the syntax of newer and older Pythons (`lazy import`, `print x`) is read as
well, and a file with errors gives what can be read of it. All patterns are linear in the size of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"""\#[^\n]*
    |[\"]{3}[^\\\"]*(?:(?:\\[\s\S]|\"(?!\"\"))[^\\\"]*)*(?:[\"]{3})?
    |[']{3}[^\\']*(?:(?:\\[\s\S]|'(?!''))[^\\']*)*(?:[']{3})?
    |\"[^\\\"\n]*(?:\\[\s\S][^\\\"\n]*)*\"?
    |'[^\\'\n]*(?:\\[\s\S][^\\'\n]*)*'?
    """,
    re.VERBOSE,
)
"""Comments and strings. One that does not end goes to the end of the text, or of the line."""
LONG = ('"""', "'''")
BEGIN = r"(?:^|[;:])[ \t]*+(?:lazy[ \t]++)?"
DOTTED = r"[^\W\d][\w.]*+"
RENAMED = r"(?:[ \t]++as[ \t]++\w++)?"
IMPORT = re.compile(rf"{BEGIN}import[ \t]++({DOTTED}{RENAMED}(?:[ \t]*+,[ \t]*+{DOTTED}{RENAMED})*)", re.MULTILINE)
FROM = re.compile(rf"{BEGIN}from[ \t]++({DOTTED})[ \t]++import\b[ \t]*+(?:\(([^()]*+)|([^\n;]*+))", re.MULTILINE)
NAME = re.compile(rf"(?:^|,)\s*+({DOTTED})")
CALLED = r"\b(?:import_module|__import__|find_spec|import_string)\(\s*+(?:name\s*+=\s*+)?"
CALL = re.compile(rf"{CALLED}['\"]({DOTTED})")
COMPUTED = re.compile(rf"{CALLED}(?!name\s*+=)[^'\"\s)]")
STRING = re.compile(r"['\"]([A-Za-z_]\w*+(?:\.[A-Za-z_]\w*+)+)(?::\w++)?['\"]")
"""A string that is a dotted name as a whole, as frameworks' settings name plugins: "package.module.Class"."""


@dataclass(frozen=True, slots=True)
class Imports:
    """What a source names."""

    statements: frozenset[str]
    """Absolute dotted names that it imports. For `from a.b import c` they are "a.b" and "a.b.c"."""
    strings: frozenset[str]
    """Dotted names in strings, which may be modules."""
    computed: int
    """Imports of a name that the program computes."""


def read_imports(source: str) -> Imports:
    """Return what a source names."""
    code = TOKEN.sub(_without_comments, source).replace("\\\n", " ")
    return Imports(
        frozenset(_statements(code)), frozenset(STRING.findall(code)), sum(1 for _ in COMPUTED.finditer(code))
    )


def _without_comments(match: re.Match[str]) -> str:
    """Return what stands for a token. Strings of several lines are texts, in which no line is a statement."""
    text = match[0]
    return "''" if text.startswith(LONG) else "" if text.startswith("#") else text


def _statements(code: str) -> Iterator[str]:
    for match in IMPORT.finditer(code):
        yield from NAME.findall(match[1])
    for match in FROM.finditer(code):
        yield match[1]
        yield from (f"{match[1]}.{name}" for name in NAME.findall(match[2] or match[3] or ""))
    yield from CALL.findall(code)
