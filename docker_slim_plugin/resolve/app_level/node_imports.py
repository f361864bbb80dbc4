"""Read which modules a JavaScript source names: require(), import and import() with a constant.

The source is searched, not parsed. A name in a comment counts as well: it does no harm. All patterns are linear.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME = r"['\"`]([^'\"`\s$()]{1,214})['\"`]"
"""A constant. No name of a package is longer."""
CALL = re.compile(rf"\b(?:require(?:\.resolve)?|import)\(\s*+{NAME}")
STATEMENT = re.compile(rf"\b(?:from|import)\s*+{NAME}")
COMPUTED = re.compile(r"(?<![\w.])(?:require|import)\(\s*+[^'\"`\s)]")
PACKAGE = re.compile(r"(?:@[\w.~-]+/)?[A-Za-z0-9_~-][\w.~-]*")


@dataclass(frozen=True, slots=True)
class NodeImports:
    """What a source names."""

    packages: frozenset[str]
    """Names of packages, as "express" and "@scope/name"; paths within a package are left out."""
    computed: int
    """Calls with a name that the program computes."""


def read_imports(source: str) -> NodeImports:
    """Return what a source names. Relative names and Node's own modules ("node:fs") are left out."""
    names = {*CALL.findall(source), *STATEMENT.findall(source)}
    packages = {match[0] for name in names if not name.startswith("node:") and (match := PACKAGE.match(name))}
    return NodeImports(frozenset(packages), sum(1 for _ in COMPUTED.finditer(source)))
