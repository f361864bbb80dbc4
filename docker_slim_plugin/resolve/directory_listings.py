"""Find files in directories that the app has listed.

An app may count, show or choose files by their names and not open any of them. A name exists only if its file does, so
the files are kept: those that no package owns, and either all files of a directory or none. Directories with more than
MAX_BYTES of such files are left out. So are directories of libraries, because interpreters list each directory from
which they import.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.observation import Access, AccessKind
from docker_slim_plugin.rootfs.index import ROOT, Rootfs

MAX_BYTES = 256 << 10
"""Limit of the size of files that are kept because one directory was listed."""
LIBRARIES = re.compile(
    r"/(?:site-packages|dist-packages|node_modules|gems)(?:/|$)|/(?:lib|lib64|share)/(?:python|ruby|perl|nodejs)"
)


def find_listed_files(rootfs: Rootfs, accesses: Iterable[Access], owned: Collection[RootPath]) -> Iterator[RootPath]:
    """Yield the files without a package in each directory that was opened.

    A directory is opened before it is listed; the listing itself leaves no other trace. `owned` are the files of
    packages: the programs of a package open the files that they list there.
    """
    for directory in sorted({directory for directory, _ in find_opened_directories(rootfs, accesses)}):
        if not LIBRARIES.search(directory):
            yield from _small_listing(rootfs, directory, owned)


def find_opened_directories(rootfs: Rootfs, accesses: Iterable[Access]) -> Iterator[tuple[RootPath, Access]]:
    """Yield each directory of the image that was opened, with each access that opened it."""
    ends: dict[tuple[str, str], RootPath | None] = {}
    for access in accesses:
        if access.kind is not AccessKind.OPEN:
            continue
        place = (access.path, access.root)
        if place not in ends:
            ends[place] = rootfs.walk(access.path, root=access.root).end
        end = ends[place]
        if end is not None and rootfs.entries[end].kind is EntryKind.DIRECTORY:
            yield end, access


def _small_listing(rootfs: Rootfs, directory: RootPath, owned: Collection[RootPath]) -> list[RootPath]:
    prefix = "" if directory == ROOT else directory
    paths = (RootPath(f"{prefix}/{name}") for name in rootfs.children.get(directory, ()))
    found = [path for path in paths if path not in owned and rootfs.entries[path].kind is not EntryKind.DIRECTORY]
    # The target of a symlink is kept with it.
    ends = (rootfs.find(path) for path in found)
    return found if sum(end.size for end in ends if end is not None) <= MAX_BYTES else []
