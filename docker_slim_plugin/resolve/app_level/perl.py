"""Perl: the modules that kept scripts and modules load by name, with their compiled parts.

They are read line by line, nothing is executed: `use`, `no` and `require` with a bare name, `parent` and `base` with
literals. What a computed name loads is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, Kept
from docker_slim_plugin.resolve.script_interpreters import parse_shebang

ROOTS = re.compile(
    r"^/(?:usr|usr/local|etc)(?:/(?:lib|share))?(?:/[\w-]+-linux-\w+)?/(?:perl|perl5|perl-base)(?:/5[\d.]*)?$|^/etc/perl$"
)
"""Directories of @INC, as distributions and Perl's own installer lay them."""
LOAD = re.compile(r"^\s*(?:use|no|require)\s+([A-Za-z_]\w*(?:(?:::|')\w+)+|[A-Z]\w*)\b", re.MULTILINE)
INHERIT = re.compile(r"^\s*use\s+(?:parent|base)\b([^;\n]*)", re.MULTILINE)
FILE = re.compile(r"^\s*(?:require|do)\s+['\"]([\w./-]+)['\"]", re.MULTILINE)
WORD = re.compile(r"[A-Za-z_]\w*(?:::\w+)*")
CODE = (".pm", ".pl", ".al", ".ix", ".ph")
MAX_SCRIPT = 1 << 20
HEAD = 256


class PerlModules:
    """The rule."""

    def __init__(self, facts: AppFacts) -> None:
        self.facts = facts
        self._seen: set[RootPath] = set()
        self._inc: tuple[RootPath, ...] | None = None

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[RootPath] = []
        for path in [path for path in kept if path not in self._seen]:
            self._seen.add(path)
            if self._is_perl(path):
                found += self._loaded(self.facts.rootfs.text(path, MAX_SCRIPT))
        return found

    def _is_perl(self, path: RootPath) -> bool:
        entry = self.facts.rootfs.entries[path]
        if entry.kind is not EntryKind.FILE or not entry.size:
            return False
        if path.endswith(CODE):
            return True
        if not entry.is_executable or entry.size > MAX_SCRIPT:
            return False
        interpreter, argument = parse_shebang(self.facts.rootfs.read(path, HEAD))
        return "perl" in f"{interpreter} {argument}".rpartition("/")[2]

    def _loaded(self, text: str) -> Iterator[RootPath]:
        code = text.partition("\n__END__")[0]
        names = {match.replace("'", "::") for match in LOAD.findall(code)}
        names |= {word for line in INHERIT.findall(code) for word in WORD.findall(line)} - {"qw", "norequire"}
        for name in sorted(names):
            yield from self._module(name.replace("::", "/"))
        for name in FILE.findall(code):
            yield from self._first(name)

    def _module(self, name: str) -> Iterator[RootPath]:
        yield from self._first(f"{name}.pm")
        for top in self._directories():
            for path in self.facts.files_below(RootPath(f"{top}/auto/{name}")):
                # Compiled parts of deeper modules are theirs.
                if path.count("/") == f"{top}/auto/{name}".count("/") + 1:
                    yield path

    def _first(self, name: str) -> Iterator[RootPath]:
        for top in self._directories():
            path = RootPath(f"{top}/{name}")
            if path in self.facts.rootfs.entries:
                yield path
                return

    def _directories(self) -> tuple[RootPath, ...]:
        if self._inc is None:
            kinds = (EntryKind.DIRECTORY, EntryKind.SYMLINK)
            entries = (entry for entry in self.facts.rootfs.entries.values() if entry.kind in kinds)
            tops = {self.facts.rootfs.walk(entry.path).end for entry in entries if ROOTS.match(entry.path)}
            self._inc = tuple(sorted(top for top in tops if top is not None))
        return self._inc
