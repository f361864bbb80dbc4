"""Choose the metadata of Python, npm and Ruby packages: of those present, and of others that the run has read."""

from __future__ import annotations

from collections.abc import Iterator

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.plan import ReasonKind
from docker_slim_plugin.resolve.kept_set import KeptSet
from docker_slim_plugin.resolve.packages.metadata import gems, node, python
from docker_slim_plugin.resolve.packages.metadata.chooser import MetadataChooser
from docker_slim_plugin.resolve.packages.metadata.description import PackageMetadata
from docker_slim_plugin.resolve.packages.metadata.file_content import MetadataReader
from docker_slim_plugin.resolve.packages.metadata.presence import KeptCode
from docker_slim_plugin.resolve.packages.metadata.reasons import NO_KINDS, PACKAGE_DATABASE, is_needed
from docker_slim_plugin.resolve.packages.metadata.sources import Sources
from docker_slim_plugin.resolve.packages.ownership import Packages


class LanguageMetadata(MetadataChooser):
    """The language packages of one image."""

    def __init__(self, kept_set: KeptSet, packages: Packages, code: KeptCode, metadata_reader: MetadataReader) -> None:
        super().__init__(kept_set, packages, code)
        self.sources = Sources(kept_set.rootfs, packages, code, metadata_reader)
        self.removed_directories: set[RootPath] = set()
        self.notes: list[str] = []

    def choose(self) -> None:
        """Keep the metadata of language packages that are present. Drop other metadata unless the run has read it."""
        left: list[RootPath] = []
        for one in self._find_all():
            if one.is_present or self._is_repair(one):
                self._keep(one)
            elif not one.is_required:
                left += self._drop(one)
        if left:
            text = f"{len(left)} metadata files are kept because the run has read them"
            text += ", but nothing else of their packages is kept"
            self.notes.append(f"{text}: scanners may report these packages ({min(left)!r} ...)")

    def _find_all(self) -> Iterator[PackageMetadata]:
        yield from python.find(self.sources)
        yield from node.find(self.sources)
        yield from gems.find(self.sources, self.is_read)

    def _is_repair(self, one: PackageMetadata) -> bool:
        """Return whether a slim image failed without this metadata."""
        reasons = self.kept_set.reasons.get(one.directory, ()) if one.directory is not None else ()
        return any(reason.kind is ReasonKind.REPAIR for reason in reasons)

    def _keep(self, one: PackageMetadata) -> None:
        for path in one.kept_files:
            self.kept_set.keep(path, PACKAGE_DATABASE)
        for path in one.file_lists:
            if not self.is_read(path):
                base = python.list_base(path)
                self.makers[path] = lambda content, _, path=path, base=base: python.cut_file_list(  # type: ignore[misc]
                    path, content, lambda name: self.spelling.below(base, name) in self.kept_set.reasons
                )

    def _drop(self, one: PackageMetadata) -> list[RootPath]:
        """Drop the files that nothing needs, and return the others."""
        ignored = frozenset({ReasonKind.ACCESS}) if one.is_read_at_start else NO_KINDS
        left = [path for path in one.files if is_needed(self.kept_set.reasons.get(path, ()), ignored)]
        for path in one.files:
            if path not in left:
                self.kept_set.reasons.pop(path, None)
        if one.directory is not None and not left:
            for entry in self.kept_set.rootfs.below(one.directory):
                self.kept_set.reasons.pop(entry.path, None)
                self.removed_directories.add(entry.path)
        return left
