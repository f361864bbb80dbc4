"""Choose the package metadata of the slim image, and make the content of each of its files.

This has two steps. `choose_metadata` runs when the kept files are known. `make_contents` runs when the directories and
all metadata are kept too, because file lists name these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.kept_set import KeptSet
from docker_slim_plugin.resolve.packages.metadata import dpkg, rpm
from docker_slim_plugin.resolve.packages.metadata.description import ContentMaker
from docker_slim_plugin.resolve.packages.metadata.distribution import PackageDatabase
from docker_slim_plugin.resolve.packages.metadata.file_content import MetadataReader
from docker_slim_plugin.resolve.packages.metadata.languages import LanguageMetadata
from docker_slim_plugin.resolve.packages.metadata.presence import KeptCode
from docker_slim_plugin.resolve.packages.metadata.reasons import CUT, PACKAGE_DATABASE
from docker_slim_plugin.resolve.packages.ownership import Packages


@dataclass(frozen=True, slots=True)
class MetadataChoice:
    """The chosen metadata, and the functions that make the content of its files."""

    makers: Mapping[RootPath, ContentMaker] = field(default_factory=dict)
    """In the order in which they are called."""
    database: frozenset[RootPath] = frozenset()
    """Files of the distribution's package database."""
    removed_directories: frozenset[RootPath] = frozenset()
    """Directories whose names would report a package that is not present."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def choose_metadata(kept_set: KeptSet, packages: Packages, metadata_reader: MetadataReader) -> MetadataChoice:
    """Keep the metadata of packages that are present, and no other metadata."""
    code = KeptCode(kept_set.rootfs, packages, kept_set.reasons)
    languages = LanguageMetadata(kept_set, packages, code, metadata_reader)
    languages.choose()
    database = PackageDatabase(kept_set, packages, code)
    database.choose()
    return MetadataChoice(
        makers={**languages.makers, **database.makers},
        database=frozenset(database.database),
        removed_directories=frozenset(languages.removed_directories),
        warnings=tuple(database.warnings),
        notes=tuple(languages.notes),
    )


def make_contents(
    kept_set: KeptSet, choice: MetadataChoice, metadata_reader: MetadataReader
) -> tuple[dict[RootPath, bytes], tuple[str, ...]]:
    """Return the new content of files whose content changes, and warnings."""
    found: dict[RootPath, bytes] = {}
    warnings: list[str] = []
    for path, make in choice.makers.items():
        # A file that contains the whole database is by far the largest.
        limit = rpm.MAX_BYTES if path in choice.database and not path.startswith(f"{dpkg.INFO}/") else 0
        before = metadata_reader.read(path, limit) if path in kept_set.reasons else None
        if before is None:
            continue
        try:
            content = make(before, found)
        except rpm.ERRORS as error:
            warnings.append(f"the package database cannot be filtered ({error}): it is kept whole")
            continue
        if content == before:
            continue
        if not content and path.endswith(dpkg.REMOVED_WHEN_EMPTY) and set(kept_set.reasons[path]) == {PACKAGE_DATABASE}:
            del kept_set.reasons[path]
            continue
        found[path] = content
        kept_set.keep(path, CUT)
    return found, (*warnings, *metadata_reader.warnings())
