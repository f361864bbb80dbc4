"""Choose the files of the distribution's package database: dpkg, distroless, apk, rpm."""

from __future__ import annotations

from collections.abc import Callable

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.kept_set import KeptSet
from docker_slim_plugin.resolve.packages.metadata import apk, dpkg, rpm
from docker_slim_plugin.resolve.packages.metadata.chooser import MetadataChooser
from docker_slim_plugin.resolve.packages.metadata.description import WrittenContents
from docker_slim_plugin.resolve.packages.metadata.presence import KeptCode
from docker_slim_plugin.resolve.packages.metadata.reasons import FILTERED, PACKAGE_DATABASE, is_needed
from docker_slim_plugin.resolve.packages.ownership import DIVERSIONS, Packages, resolve_diversion, shorten_description


class PackageDatabase(MetadataChooser):
    """The package database of one image."""

    def __init__(self, kept_set: KeptSet, packages: Packages, code: KeptCode) -> None:
        super().__init__(kept_set, packages, code)
        self.database: set[RootPath] = set()
        self.warnings: list[str] = []

    def choose(self) -> None:
        """Keep what the package database has about packages that are present."""
        packages = self.packages
        files = packages.database
        is_whole = any(self.is_read(path) for path in files)
        if not packages.owners or (is_whole and packages.system != "distroless"):
            for path in files:
                self._keep(path)
            self.warnings += self._whole_warnings(is_whole=is_whole)
            is_whole = True
        if packages.owners:
            choosers = {
                "dpkg": self._choose_dpkg,
                "distroless": self._choose_distroless,
                "apk": self._choose_apk,
                "rpm": self._choose_rpm,
            }
            choosers[packages.system](is_whole=is_whole)

    def _whole_warnings(self, *, is_whole: bool) -> list[str]:
        if is_whole:
            return ["the package database is kept whole: the run reads it, or --keep names it"]
        if self.packages.system == "rpm":
            kept_whole = "it is kept whole and lists packages that are not in the image"
            return [f"the rpm database cannot be filtered ({self.packages.unreadable_reason}): {kept_whole}"]
        return []

    def _choose_dpkg(self, *, is_whole: bool) -> None:
        (status,) = self.packages.database
        keys = self.code.packages
        if not is_whole and status not in self.kept_set.dropped:
            self._keep(status)
            self.kept_set.reasons[status] = {FILTERED: None}
            stanzas = [(key, stanza) for key, stanza in self.packages.stanzas if key in keys]
            self.makers[status] = lambda _, __: b"".join(
                dpkg.cut_stanza(shorten_description(stanza), self._is_kept(key)) for key, stanza in stanzas
            )
        info = RootPath(dpkg.INFO)
        for name in self.kept_set.rootfs.children.get(info, ()):
            key, dot, suffix = name.rpartition(".")
            if f"{dot}{suffix}" in dpkg.CUT_SUFFIXES:
                self._cut_file(RootPath(f"{info}/{name}"), key)
        for path in map(RootPath, dpkg.FORMAT_FILES if keys else ()):
            self._keep(path)
        if any(self._is_kept("")(path) for pair in self.packages.diverted.items() for path in (pair[0], pair[1][0])):
            self._keep(RootPath(DIVERSIONS))
            if not self.is_read(RootPath(DIVERSIONS)):
                self.makers[RootPath(DIVERSIONS)] = lambda content, _: dpkg.cut_diversions(content, self._is_kept(""))

    def _cut_file(self, path: RootPath, key: str) -> None:
        """Keep a file list or the checksums of a package, cut, if the package is present; otherwise drop the file."""
        if key not in self.code.packages:
            if path in self.kept_set.reasons and not self._is_needed(path):
                del self.kept_set.reasons[path]
            return
        self._keep(path)
        if self.is_read(path):
            return
        if path.endswith(".md5sums"):
            self.makers[path] = lambda content, written: dpkg.cut_md5sums(
                content, self._is_kept(key), self._find_content(key, written)
            )
        else:
            self.makers[path] = lambda content, _: dpkg.cut_lines(content, self._is_kept(key))

    def _choose_distroless(self, *, is_whole: bool) -> None:
        del is_whole  # Each package has its own file, so a read of one says nothing about the others.
        for path in self.packages.database:
            name = path.rpartition("/")[2]
            if name.endswith(".md5sums"):
                self._cut_file(path, name.removesuffix(".md5sums"))
            elif name in self.code.packages:
                self._keep(path)
            elif path in self.kept_set.reasons and not self._is_needed(path):
                del self.kept_set.reasons[path]

    def _choose_apk(self, *, is_whole: bool) -> None:
        (installed,) = self.packages.database
        if is_whole or installed in self.kept_set.dropped:
            return
        self._keep(installed)
        self.kept_set.reasons[installed] = {FILTERED: None}
        self.makers[installed] = lambda _, written: b"".join(
            apk.cut_stanza(stanza, self._is_kept(key), self._find_content(key, written))
            for key, stanza in self.packages.stanzas
            if key in self.code.packages
        )

    def _choose_rpm(self, *, is_whole: bool) -> None:
        place = rpm.find_database(self.packages.database)
        if is_whole or place is None:
            return
        for path in self.packages.database:
            if path == place or self.kept_set.rootfs.entries[path].kind is EntryKind.SYMLINK:
                self._keep(path)
        self.makers[place] = lambda content, _: rpm.cut_database(content, self.code.packages)

    def _keep(self, path: RootPath) -> None:
        if path in self.kept_set.rootfs.entries:
            self.kept_set.keep(path, PACKAGE_DATABASE)
            self.database.add(path)

    def _is_kept(self, key: str) -> Callable[[str], bool]:
        """Return a function that tells whether a path of the package's file list is in the slim image."""
        return lambda path: self._canonical(path, key) in self.kept_set.reasons

    def _find_content(self, key: str, written: WrittenContents) -> Callable[[str], bytes | None]:
        """Return a function that looks up the new content of a path of the package's file list."""

        def content(path: str) -> bytes | None:
            place = self._canonical(path, key)
            return None if place is None else written.get(place)

        return content

    def _canonical(self, path: str, key: str) -> RootPath | None:
        return self.spelling.canonical(resolve_diversion(path, key, self.packages.diverted))

    def _is_needed(self, path: RootPath) -> bool:
        return is_needed(self.kept_set.reasons.get(path, ()))
