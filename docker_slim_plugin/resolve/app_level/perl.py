"""Perl: the modules that kept scripts and modules load by name, with their compiled parts.

They are searched, nothing is executed: `use`, `no` and `require` with a bare name, `parent` and `base` with literals,
names of modules in strings. What a computed name loads is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, Kept, NewPaths, child

ROOTS = re.compile(
    r"^/usr(?:/local)?(?:/(?:lib|lib64|share))?(?:/\w+-linux-\w+)?/(?:perl|perl5|perl-base)"
    r"(?:/(?:site|vendor|core)_perl)?(?:/5[\d.]*)?(?:/\w+-linux[\w-]*)?$|^/etc/perl$"
)
"""Directories of @INC, as distributions and Perl's own installer lay them."""
LOAD = re.compile(r"(?<![\w$@%>-])(?:use|no|require)[ \t]++([A-Za-z_]\w*(?:(?:::|')\w+)*)\b")
LINE_LOAD = re.compile(r"^[ \t]*+(?:use|no|require)[ \t]++([A-Za-z_]\w*(?:(?:::|')\w+)*)\b", re.MULTILINE)
MAX_QUOTED = 512 << 10
"""Bytes of a module that only a string names. The tables for Chinese and Japanese have more."""
COMMENT = re.compile(r"(?:^|[ \t])#[^\n]*", re.MULTILINE)
QUOTED = re.compile(r"['\"]([A-Za-z_]\w*(?:::\w+)+)['\"]")
"""The name of a module in a string, as lists of backends have them."""
INHERIT = re.compile(r"^[ \t]*+use[ \t]++(?:parent|base)\b([^;\n]*)", re.MULTILINE)
FILE = re.compile(r"\b(?:require|do)[ \t(]++['\"]([\w./-]+)['\"]")
IMPLICIT = (
    (re.compile(r"\bglob\b|<[^<>\s]{0,99}[*?][^<>\s]{0,99}>"), "File::Glob"),
    (re.compile(r"%[+-]\W|\$\+\{"), "Tie::Hash::NamedCapture"),
    (re.compile(r":(?:encoding|utf8)\b"), "PerlIO::encoding"),
    (re.compile(r":(?:encoding|utf8)\b"), "Encode"),
    (re.compile(r"\bopen\b[^;\n]{0,200}\\[$@]"), "PerlIO::scalar"),
    (re.compile(r"\b(?:open|binmode)\b[^;\n]{0,200}[<>'\"]:"), "PerlIO"),
)
"""Modules that Perl itself loads for an operator (perlop(1), PerlIO(3perl))."""
UNICODE = ("/Unicode/UCD.pm", "/_charnames.pm")
"""Modules that read the tables of Unicode beside them."""
WORD = re.compile(r"[A-Za-z_]\w*(?:::\w+)*")
CODE = (".pm", ".pl", ".al", ".ix", ".ph")
MAX_SCRIPT = 1 << 20


class PerlModules:
    """The rule."""

    def __init__(self, facts: AppFacts) -> None:
        self.facts = facts
        self._new = NewPaths()
        self._read: set[RootPath] = set()
        self._named: set[str] = set()

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[RootPath] = []
        # What modules load is found at once, because a chain of modules may be long. What the app's own sources load
        # comes first: what a package brought may name much that nobody asks for.
        new = self._new.of(kept)
        own = {path for path in new if path not in self.facts.packages.owners}
        pending = [path for path in new if path not in own] + sorted(own)
        while pending:
            path = pending.pop()
            if path not in self._read and self._is_perl(path):
                self._read.add(path)
                is_asked = path in self.facts.used or path in own
                loaded = list(self._loaded(self.facts.rootfs.text(path, MAX_SCRIPT), is_asked=is_asked))
                if path.endswith(UNICODE):
                    loaded += self._unicode_tables(path)
                own.update(loaded if path in own else ())
                found += loaded
                pending += loaded
        return found

    def _unicode_tables(self, path: RootPath) -> Iterator[RootPath]:
        top = path.removesuffix("/Unicode/UCD.pm").removesuffix("/_charnames.pm")
        return self.facts.files_below(RootPath(f"{top}/unicore"))

    def _is_perl(self, path: RootPath) -> bool:
        entry = self.facts.rootfs.entries[path]
        if entry.kind is not EntryKind.FILE or not entry.size:
            return False
        if path.endswith(CODE):
            return True
        return entry.size <= MAX_SCRIPT and "perl" in self.facts.script_program(path)

    def _loaded(self, text: str, *, is_asked: bool) -> Iterator[RootPath]:
        """Yield the files that a source loads; if it `is_asked` for, at any place, else at the beginning of lines."""
        code = COMMENT.sub("", text.partition("\n__END__")[0])
        names = {match.replace("'", "::") for match in (LOAD if is_asked else LINE_LOAD).findall(code)}
        names |= {word for line in INHERIT.findall(code) for word in WORD.findall(line)} - {"qw", "norequire"}
        names |= {module for pattern, module in IMPLICIT if pattern.search(code)}
        for name in sorted(names - self._named):
            yield from self._module(name.replace("::", "/"))
        for name in sorted(set(QUOTED.findall(code)) - names - self._named) if is_asked else ():
            found = list(self._module(name.replace("::", "/")))
            yield from found if self.facts.size_of(found) <= MAX_QUOTED else ()
        files = set(FILE.findall(code))
        for name in sorted(files - self._named):
            yield from self._first(name)
        self._named |= names | files

    def _module(self, name: str) -> Iterator[RootPath]:
        yield from self._first(f"{name}.pm")
        rootfs = self.facts.rootfs
        found: dict[str, RootPath] = {}
        for top in self._directories:
            directory = RootPath(f"{top}/auto/{name}")
            for one in rootfs.children.get(directory, ()):
                # Compiled parts of deeper modules are theirs.
                if rootfs.entries[path := child(directory, one)].kind is not EntryKind.DIRECTORY:
                    found.setdefault(one, path)
        yield from found.values()

    def _first(self, name: str) -> Iterator[RootPath]:
        for top in self._directories:
            path = RootPath(f"{top}/{name}")
            if path in self.facts.rootfs.entries:
                yield path
                return

    @cached_property
    def _directories(self) -> tuple[RootPath, ...]:
        """The directories of @INC, roughly in its order: local ones, those of packages, Perl's own."""
        rootfs = self.facts.rootfs
        tops = {rootfs.walk(path).end for path in rootfs.entries if "/perl" in path and ROOTS.match(path)}
        order = {top: ("/local/" not in top, "/perl5" not in top, top) for top in tops if top is not None}
        return tuple(sorted(order, key=order.__getitem__))
