"""The metadata of packages of Python, npm and Ruby: of those that are in, and what the run has read of others."""

from __future__ import annotations

from collections.abc import Iterator

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.plan import ReasonKind
from docker_slim_plugin.resolve.kept_set import Ledger
from docker_slim_plugin.resolve.packages.metadata import gems, node, python
from docker_slim_plugin.resolve.packages.metadata.description import Content, Described
from docker_slim_plugin.resolve.packages.metadata.file_content import Texts
from docker_slim_plugin.resolve.packages.metadata.presence import Code
from docker_slim_plugin.resolve.packages.metadata.reasons import NONE, PACKAGES, is_read, is_wanted
from docker_slim_plugin.resolve.packages.ownership import Packages
from docker_slim_plugin.resolve.packages.path_spelling import Spelling


class Languages:
    """Goes through all of one image."""

    def __init__(self, ledger: Ledger, packages: Packages, code: Code, texts: Texts) -> None:
        self.ledger = ledger
        self.packages = packages
        self.code = code
        self.texts = texts
        self.spelling = Spelling(ledger.rootfs)
        self.made: dict[RootPath, Content] = {}
        self.gone: set[RootPath] = set()
        self.notes: list[str] = []

    def choose(self) -> None:
        """Keep what describes packages of languages that are in; the rest goes, but for what the run has read."""
        left: list[RootPath] = []
        for one in self._described():
            if one.present or self._was_missed(one):
                self._keep_described(one)
            elif not one.needed:
                left += self._drop_described(one)
        if left:
            text = f"{len(left)} files describe packages of which nothing else is in, as the run has read them"
            self.notes.append(f"{text}: scanners may report those ({min(left)!r} ...)")

    def _described(self) -> Iterator[Described]:
        rootfs, packages, code = self.ledger.rootfs, self.packages, self.code
        yield from python.find(rootfs, packages, code, self.texts)
        yield from node.find(rootfs, packages, code)
        yield from gems.find(rootfs, packages, code, self.texts, self._is_read)

    def _was_missed(self, one: Described) -> bool:
        """Tell whether a slim image went wrong without it."""
        reasons = self.ledger.reasons.get(one.directory, ()) if one.directory is not None else ()
        return any(reason.kind is ReasonKind.REPAIR for reason in reasons)

    def _keep_described(self, one: Described) -> None:
        for path in one.wanted:
            self.ledger.keep(path, PACKAGES)
        for path in one.lists:
            if not self._is_read(path):
                base = python.base(path)
                self.made[path] = lambda content, _, path=path, base=base: python.cut(  # type: ignore[misc]
                    path, content, lambda name: self.spelling.below(base, name) in self.ledger.reasons
                )

    def _drop_described(self, one: Described) -> list[RootPath]:
        """Drop what nobody asked for; return the rest."""
        but = frozenset({ReasonKind.ACCESS}) if one.scanned else NONE
        left = [path for path in one.files if is_wanted(self.ledger.reasons.get(path, ()), but)]
        for path in one.files:
            if path not in left:
                self.ledger.reasons.pop(path, None)
        if one.directory is not None and not left:
            for entry in self.ledger.rootfs.below(one.directory):
                self.ledger.reasons.pop(entry.path, None)
                self.gone.add(entry.path)
        return left

    def _is_read(self, path: RootPath) -> bool:
        return is_read(self.ledger.reasons.get(path, ()))
