"""Which metadata goes into the image, and what is left of each file of it.

Twice asked: first to choose, when it is known which files are kept; then for the contents, when the directories and all
metadata are there, too: lists name them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from docker_slim_plugin.model import EntryKind, Reason, ReasonKind, RootPath
from docker_slim_plugin.resolve.ledger import Ledger
from docker_slim_plugin.resolve.metadata import apk, dpkg, gems, node, python, rpm
from docker_slim_plugin.resolve.metadata.code import Code
from docker_slim_plugin.resolve.metadata.described import Described
from docker_slim_plugin.resolve.metadata.texts import Texts
from docker_slim_plugin.resolve.metadata.wanted import NONE, is_read, is_wanted
from docker_slim_plugin.resolve.packages import DIVERSIONS, Packages, shortened, undiverted
from docker_slim_plugin.resolve.spelling import Spelling

PACKAGES = Reason(ReasonKind.HINT, "pkgdb", "package database")
FILTERED = Reason(ReasonKind.GENERATED, "pkgdb", "only packages that own a kept file")
CUT = Reason(ReasonKind.GENERATED, "pkgdb", "only files that are kept")
Made = Mapping[RootPath, bytes]
Content = Callable[[bytes, Made], bytes]


@dataclass(frozen=True, slots=True)
class Choice:
    """What metadata is in, and how its files are made."""

    made: Mapping[RootPath, Content] = field(default_factory=dict)
    """What is left of a file's content, given what is made of the files before it."""
    database: frozenset[RootPath] = frozenset()
    """Files of the distribution's own package database."""
    gone: frozenset[RootPath] = frozenset()
    """Directories that would name a package that is not in."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def choose(ledger: Ledger, packages: Packages, texts: Texts) -> Choice:
    """Keep the metadata of what is in, and of nothing else."""
    choosing = _Choosing(ledger, packages, texts)
    choosing.languages()
    choosing.distribution()
    return Choice(
        choosing.made,
        frozenset(choosing.database),
        frozenset(choosing.gone),
        tuple(choosing.warnings),
        tuple(choosing.notes),
    )


def contents(ledger: Ledger, choice: Choice, texts: Texts) -> tuple[dict[RootPath, bytes], tuple[str, ...]]:
    """Return the content of the files that are not as they were, and warnings."""
    found: dict[RootPath, bytes] = {}
    warnings: list[str] = []
    for path, make in choice.made.items():
        # The one file that holds a whole database is the largest by far.
        limit = rpm.MAX_BYTES if path in choice.database and not path.startswith(f"{dpkg.INFO}/") else 0
        before = texts.read(path, limit) if path in ledger.reasons else None
        if before is None:
            continue
        try:
            content = make(before, found)
        except rpm.ERRORS as error:
            warnings.append(f"the package database cannot be filtered ({error}): it is kept whole")
            continue
        if content == before:
            continue
        if not content and path.endswith(dpkg.NEEDLESS) and set(ledger.reasons[path]) == {PACKAGES}:
            del ledger.reasons[path]
            continue
        found[path] = content
        ledger.keep(path, CUT)
    return found, (*warnings, *texts.warnings())


class _Choosing:
    def __init__(self, ledger: Ledger, packages: Packages, texts: Texts) -> None:
        self.ledger = ledger
        self.packages = packages
        self.texts = texts
        self.code = Code(ledger.rootfs, packages, ledger.reasons)
        self.spelling = Spelling(ledger.rootfs)
        self.made: dict[RootPath, Content] = {}
        self.database: set[RootPath] = set()
        self.gone: set[RootPath] = set()
        self.warnings: list[str] = []
        self.notes: list[str] = []

    def languages(self) -> None:
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

    def distribution(self) -> None:
        """Keep what the package manager's database says of packages that are in."""
        packages = self.packages
        files = packages.database
        whole = any(self._is_read(path) for path in files)
        if not packages.owners or (whole and packages.system != "distroless"):
            for path in files:
                self._keep(path)
            self.warnings += self._why_whole(whole=whole)
            whole = True
        if packages.owners:
            getattr(self, f"_{packages.system}")(whole=whole)

    def _why_whole(self, *, whole: bool) -> list[str]:
        if whole:
            return ["the package database is kept whole: the run reads it, or --keep names it"]
        if self.packages.system == "rpm":
            why = self.packages.unread
            return [f"the rpm database cannot be filtered ({why}): it is kept whole and names packages that are gone"]
        return []

    def _dpkg(self, *, whole: bool) -> None:
        (status,) = self.packages.database
        keys = self.code.packages
        if not whole and status not in self.ledger.dropped:
            self._keep(status)
            self.ledger.reasons[status] = {FILTERED: None}
            stanzas = [(key, stanza) for key, stanza in self.packages.stanzas if key in keys]
            self.made[status] = lambda _, __: b"".join(
                dpkg.stanza(shortened(stanza), self._listed(key)) for key, stanza in stanzas
            )
        info = RootPath(dpkg.INFO)
        for name in self.ledger.rootfs.children.get(info, ()):
            key, dot, suffix = name.rpartition(".")
            if f"{dot}{suffix}" in dpkg.CUT:
                self._part(RootPath(f"{info}/{name}"), key)
        for path in map(RootPath, dpkg.ALWAYS if keys else ()):
            self._keep(path)
        if any(self._listed("")(path) for pair in self.packages.diverted.items() for path in (pair[0], pair[1][0])):
            self._keep(RootPath(DIVERSIONS))
            if not self._is_read(RootPath(DIVERSIONS)):
                self.made[RootPath(DIVERSIONS)] = lambda content, _: dpkg.diversions(content, self._listed(""))

    def _part(self, path: RootPath, key: str) -> None:
        """Keep a list or the sums of a package that is in, cut; drop those of another."""
        if key not in self.code.packages:
            if path in self.ledger.reasons and not self._is_wanted(path):
                del self.ledger.reasons[path]
            return
        self._keep(path)
        if self._is_read(path):
            return
        if path.endswith(".md5sums"):
            self.made[path] = lambda content, made: dpkg.sums(content, self._listed(key), self._changed(key, made))
        else:
            self.made[path] = lambda content, _: dpkg.lines(content, self._listed(key))

    def _distroless(self, *, whole: bool) -> None:
        del whole  # One that was read says nothing of the others.
        for path in self.packages.database:
            name = path.rpartition("/")[2]
            if name.endswith(".md5sums"):
                self._part(path, name.removesuffix(".md5sums"))
            elif name in self.code.packages:
                self._keep(path)
            elif path in self.ledger.reasons and not self._is_wanted(path):
                del self.ledger.reasons[path]

    def _apk(self, *, whole: bool) -> None:
        (installed,) = self.packages.database
        if whole or installed in self.ledger.dropped:
            return
        self._keep(installed)
        self.ledger.reasons[installed] = {FILTERED: None}
        self.made[installed] = lambda _, made: b"".join(
            apk.stanza(stanza, self._listed(key), self._changed(key, made))
            for key, stanza in self.packages.stanzas
            if key in self.code.packages
        )

    def _rpm(self, *, whole: bool) -> None:
        place = rpm.place(self.packages.database)
        if whole or place is None:
            return
        for path in self.packages.database:
            if path == place or self.ledger.rootfs.entries[path].kind is EntryKind.SYMLINK:
                self._keep(path)
        self.made[place] = lambda content, _: rpm.cut(content, self.code.packages)

    def _keep(self, path: RootPath) -> None:
        if path in self.ledger.rootfs.entries:
            self.ledger.keep(path, PACKAGES)
            self.database.add(path)

    def _listed(self, key: str) -> Callable[[str], bool]:
        """Return what tells whether a path in a list of the package is in the image."""
        return lambda path: self._place(path, key) in self.ledger.reasons

    def _changed(self, key: str, made: Made) -> Callable[[str], bytes | None]:
        """Return what gives the content that is made of a file in a list of the package."""

        def content(path: str) -> bytes | None:
            place = self._place(path, key)
            return None if place is None else made.get(place)

        return content

    def _place(self, path: str, key: str) -> RootPath | None:
        return self.spelling.canonical(undiverted(path, key, self.packages.diverted))

    def _is_read(self, path: RootPath) -> bool:
        return is_read(self.ledger.reasons.get(path, ()))

    def _is_wanted(self, path: RootPath) -> bool:
        return is_wanted(self.ledger.reasons.get(path, ()))
