"""Names that the app has listed: it may have counted, shown or chosen by them without opening a single one.

A name is only there when its file is, so the files come in: those of no package, all of a directory or none. A large
directory is not taken whole for its names; libraries are not, as interpreters list each directory they import from.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.observation import Access, AccessKind
from docker_slim_plugin.rootfs.index import ROOT, Rootfs

MAX_BYTES = 256 << 10
"""Of what one directory has not shown otherwise."""
LIBRARIES = re.compile(
    r"/(?:site-packages|dist-packages|node_modules|gems)(?:/|$)|/(?:lib|lib64|share)/(?:python|ruby|perl|nodejs)"
)


def find_listed_files(rootfs: Rootfs, accesses: Iterable[Access], owned: Collection[RootPath]) -> Iterator[RootPath]:
    """Yield the files of no package in each directory that was opened: opening one is what a listing shows of itself.

    `owned` are the files of packages: what a package's programs list of it, they open by name.
    """
    for directory in sorted({directory for directory, _ in find_opened_directories(rootfs, accesses)}):
        if not LIBRARIES.search(directory):
            yield from _small_listing(rootfs, directory, owned)


def find_opened_directories(rootfs: Rootfs, accesses: Iterable[Access]) -> Iterator[tuple[RootPath, Access]]:
    """Yield each directory of the image that was opened, with each access that did so."""
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
    # What a link leads to comes with it.
    ends = (rootfs.find(path) for path in found)
    return found if sum(end.size for end in ends if end is not None) <= MAX_BYTES else []
