"""Collect the packages of an image, and the kept files of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from typing import BinaryIO

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.inventory import Inventory, PackageKind, PackageRecord
from docker_slim_plugin.resolve.inventory import golang, java
from docker_slim_plugin.resolve.inventory.distribution import DistributionPackages
from docker_slim_plugin.resolve.inventory.kept_files import KeptFiles, clean
from docker_slim_plugin.resolve.inventory.languages import LanguagePackages
from docker_slim_plugin.resolve.packages import ownership
from docker_slim_plugin.resolve.packages.metadata.file_content import MetadataReader
from docker_slim_plugin.resolve.packages.metadata.presence import KeptCode
from docker_slim_plugin.resolve.packages.metadata.sources import Sources
from docker_slim_plugin.resolve.packages.os_release import read_distribution
from docker_slim_plugin.rootfs.index import MAX_OPEN, Rootfs

MAX_NOTES = 50
Open = Callable[[BinaryIO, RootPath], Iterator[PackageRecord]]
"""Yields the packages that a file says it contains."""


def read_inventory(rootfs: Rootfs, kept: tuple[str, ...], *, all_archives: bool) -> Inventory:
    """Return the packages of an image of which the paths `kept` are kept.

    With `all_archives`, Java archives and Go programs that are not kept are read too.
    """
    paths = frozenset(RootPath(path) for path in kept if path in rootfs.entries)
    packages = ownership.read(rootfs)
    code = KeptCode(rootfs, packages, paths)
    kept_files = KeptFiles(rootfs, paths)
    metadata_reader = MetadataReader(rootfs)
    distribution = DistributionPackages(rootfs, packages, code, kept_files)
    languages = LanguagePackages(Sources(rootfs, packages, code, metadata_reader), kept_files)
    archives = _Archives(rootfs, kept_files)
    found = [
        *distribution.find(),
        *languages.find(),
        *archives.find(rootfs.entries if all_archives else sorted(paths)),
    ]
    notes = [*distribution.notes, *archives.notes]
    notes += [f"cannot read {path!r}: the package that it describes may be missing" for path in metadata_reader.unread]
    return Inventory(
        distribution=read_distribution(rootfs),
        packages=merge_packages(found),
        unowned=kept_files.unowned(),
        notes=tuple(sorted(notes)[:MAX_NOTES]),
    )


def merge_packages(records: Iterable[PackageRecord]) -> tuple[PackageRecord, ...]:
    """Return each package once, sorted. One that is there several times is as present as any of them."""
    found: dict[tuple[str, ...], PackageRecord] = {}
    for one in records:
        other = found.setdefault(one.identity, one)
        best = max(other, one, key=lambda record: (record.is_present, record.kept))
        found[one.identity] = replace(
            best,
            may_have_code=one.may_have_code or other.may_have_code,
            kept=max(one.kept, other.kept),
            files=max(one.files, other.files),
            has_file_list=one.has_file_list and other.has_file_list,
        )
    return tuple(found[identity] for identity in sorted(found))


class _Archives:
    """Java archives and Go programs, which say themselves what is in them."""

    def __init__(self, rootfs: Rootfs, kept: KeptFiles) -> None:
        self._rootfs = rootfs
        self._kept = kept
        self._budget = java.Budget()
        self.notes: list[str] = []

    def find(self, paths: Collection[RootPath]) -> Iterator[PackageRecord]:
        """Yield the packages in those of the files that have any."""
        entries = self._rootfs.entries
        files = [path for path in paths if entries[path].kind is EntryKind.FILE]
        yield from self._open([path for path in files if path.lower().endswith(java.SUFFIXES)], self._java)
        yield from self._open([path for path in files if entries[path].is_executable], self._go)

    def _open(self, paths: list[RootPath], read: Open) -> Iterator[PackageRecord]:
        for start in range(0, len(paths), MAX_OPEN):
            opened = self._rootfs.reader.open_many(paths[start : start + MAX_OPEN])
            try:
                for path, file in opened.items():
                    yield from read(file, path)
            finally:
                for file in opened.values():
                    file.close()

    def _java(self, file: BinaryIO, path: RootPath) -> Iterator[PackageRecord]:
        try:
            for one in java.read_archive(file, path, self._budget):
                record = PackageRecord(
                    kind=PackageKind.MAVEN,
                    group=clean(one.group),
                    name=clean(one.name),
                    version=clean(one.version),
                    place=f"{path}!/{clean(one.inner)}" if one.inner else path,
                    note="" if one.version else "the archive has no version of it",
                )
                yield self._kept.measure(record, (path,), is_present=path in self._kept.paths)
        except java.ERRORS as error:
            self.notes.append(f"cannot read the Java archive {path!r}: {clean(str(error))}")

    def _go(self, file: BinaryIO, path: RootPath) -> Iterator[PackageRecord]:
        try:
            modules = golang.read_modules(file)
        except golang.OldBuildInfo:
            self.notes.append(f"cannot read the modules of {path!r}: Go before 1.18 made it")
            return
        for name, version in modules:
            record = PackageRecord(
                kind=PackageKind.GOLANG,
                name=clean(name),
                version=clean(version),
                place=path,
                note="" if version else "the program has no version of it",
            )
            yield self._kept.measure(record, (path,), is_present=path in self._kept.paths)
