"""Find the metadata of Python distributions (*.dist-info, *.egg-info), and which distributions are present.

A distribution is present if one of its modules or scripts is kept. RECORD lists its files (installed-files.txt in old
installs). Without it, its distribution package and its top-level names are used.

Metadata that the run has opened stays, even if no other file of the distribution is kept: importlib.metadata and
pkg_resources read the versions of all installed distributions if an app asks for them, and the app's answers may depend
on them. Scanners then report these distributions, and a note says so. Every import lists or looks up the directory, so
that does not count as a read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.packages.metadata.description import PackageMetadata
from docker_slim_plugin.resolve.packages.metadata.sources import Sources
from docker_slim_plugin.resolve.packages.path_spelling import PathSpelling
from docker_slim_plugin.rootfs.index import Rootfs

DIRECTORY = re.compile(r".*/[^/]+\.(?:dist|egg)-info|.*\.egg/EGG-INFO", re.IGNORECASE | re.DOTALL)
KEPT_NAMES = ("METADATA", "PKG-INFO", "RECORD", "top_level.txt", "entry_points.txt", "requires.txt", "INSTALLER")
RECORD, INSTALLED = "RECORD", "installed-files.txt"
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_VERSION = re.compile(r"-\d.*|\.(?:dist|egg)-info$", re.IGNORECASE | re.DOTALL)
MAX_NAMES = 1000


def find(sources: Sources) -> Iterator[PackageMetadata]:
    """Yield every distribution of the image."""
    rootfs, owners = sources.rootfs, sources.packages.owners
    kinds = (EntryKind.DIRECTORY, EntryKind.FILE)
    metadata_paths = [
        path for path in sorted(rootfs.entries) if DIRECTORY.fullmatch(path) and rootfs.entries[path].kind in kinds
    ]
    metadata_per_package = Counter(owners.get(_first_file(rootfs, top)) for top in metadata_paths)
    finder = _DistributionFinder(sources, metadata_per_package)
    yield from (finder.describe(top) for top in metadata_paths)


def parse_record_row(line: str) -> str:
    """Return the path in a line of a RECORD."""
    match = _QUOTED.match(line)
    return match[1].replace('""', '"') if match else line.partition(",")[0]


def cut_file_list(path: str, content: bytes, keep: Callable[[str], bool]) -> bytes:
    """Return the file list at `path` with only the kept files. `keep` gets the paths as they are in the list."""
    lines = content.decode(errors="surrogateescape").splitlines(keepends=True)
    name = parse_record_row if path.endswith(RECORD) else str
    kept = (line for line in lines if keep(name(line.rstrip("\r\n"))))
    return "".join(kept).encode(errors="surrogateescape")


def list_base(path: str) -> str:
    """Return the directory to which the paths in a file list are relative."""
    directory = path.rpartition("/")[0]
    return directory.rpartition("/")[0] if path.endswith(RECORD) else directory


def merge_records(upper: bytes, lower: bytes) -> bytes:
    """Return the rows of two RECORDs. If both have a file, the upper one counts."""
    rows = {}
    for content in (lower, upper):
        for line in content.decode(errors="surrogateescape").splitlines():
            rows[parse_record_row(line)] = line
    return "".join(f"{line}\n" for line in rows.values()).encode(errors="surrogateescape")


class _DistributionFinder:
    def __init__(self, sources: Sources, metadata_per_package: Counter[str | None]) -> None:
        self._sources = sources
        self._metadata_per_package = metadata_per_package
        self._spelling = PathSpelling(sources.rootfs)

    def describe(self, top: RootPath) -> PackageMetadata:
        directory = self._sources.rootfs.entries[top].kind is EntryKind.DIRECTORY
        entries = self._sources.rootfs.below(top) if directory else [self._sources.rootfs.entries[top]]
        files = tuple(entry.path for entry in entries if entry.kind is not EntryKind.DIRECTORY)
        kept_files = tuple(
            path for path in files if path in {top, *(f"{top}/{name}" for name in (*KEPT_NAMES, INSTALLED))}
        )
        return PackageMetadata(
            is_present=self._is_present(top, files),
            files=files,
            kept_files=kept_files,
            directory=top if directory else None,
            file_lists=tuple(path for path in kept_files if path.endswith((f"/{RECORD}", f"/{INSTALLED}"))),
        )

    def _is_present(self, top: RootPath, files: tuple[RootPath, ...]) -> bool:
        site = top.rpartition("/")[0]
        if site.lower().endswith(".egg"):
            return self._sources.code.has_below(site)
        for name in (RECORD, INSTALLED):
            path = RootPath(f"{top}/{name}")
            if path in files and (content := self._sources.metadata_reader.read(path)) is not None:
                return self._lists_code(path, content)
        owner = self._sources.packages.owners.get(files[0]) if files else None
        if owner is not None and self._metadata_per_package[owner] == 1:
            return owner in self._sources.code.packages
        return any(self._is_module(site, name) for name in self._top_level_names(top))

    def _lists_code(self, path: RootPath, content: bytes) -> bool:
        directory = list_base(path)
        name = parse_record_row if path.endswith(RECORD) else str
        lines = content.decode(errors="surrogateescape").splitlines()
        return any(self._spelling.below(directory, name(line)) in self._sources.code for line in lines)

    def _top_level_names(self, top: RootPath) -> list[str]:
        content = self._sources.metadata_reader.read(f"{top}/top_level.txt") or b""
        names = [name.strip() for name in content.decode(errors="surrogateescape").split("\n", MAX_NAMES)[:MAX_NAMES]]
        guessed = _VERSION.sub("", top.rpartition("/")[2]).replace("-", "_")
        return [name for name in names if name and ".." not in name] or [guessed, guessed.lower()]

    def _is_module(self, site: str, name: str) -> bool:
        starts = (f"{site}/{name}/", f"{site}/{name}.", f"{site}/__pycache__/{name}.")
        return any(self._sources.code.has_prefix(start) for start in starts)


def _first_file(rootfs: Rootfs, top: RootPath) -> RootPath:
    """Return the first file of the metadata. Its owner is the package of the distribution."""
    kinds = (entry for entry in rootfs.below(top) if entry.kind is not EntryKind.DIRECTORY)
    return next((entry.path for entry in kinds), top)
