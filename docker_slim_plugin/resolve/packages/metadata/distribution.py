"""The package database of a distribution: dpkg's, that of distroless images, apk's, rpm's."""

from __future__ import annotations

from collections.abc import Callable

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.kept_set import Ledger
from docker_slim_plugin.resolve.packages.metadata import apk, dpkg, rpm
from docker_slim_plugin.resolve.packages.metadata.description import Content, Made
from docker_slim_plugin.resolve.packages.metadata.presence import Code
from docker_slim_plugin.resolve.packages.metadata.reasons import FILTERED, PACKAGES, is_read, is_wanted
from docker_slim_plugin.resolve.packages.ownership import DIVERSIONS, Packages, shortened, undiverted
from docker_slim_plugin.resolve.packages.path_spelling import Spelling


class Database:
    """Goes through that of one image."""

    def __init__(self, ledger: Ledger, packages: Packages, code: Code) -> None:
        self.ledger = ledger
        self.packages = packages
        self.code = code
        self.spelling = Spelling(ledger.rootfs)
        self.made: dict[RootPath, Content] = {}
        self.database: set[RootPath] = set()
        self.warnings: list[str] = []

    def choose(self) -> None:
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
            by = {"dpkg": self._dpkg, "distroless": self._distroless, "apk": self._apk, "rpm": self._rpm}
            by[packages.system](whole=whole)

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
