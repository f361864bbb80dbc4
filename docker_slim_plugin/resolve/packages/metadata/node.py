"""Find the package.json of each npm package of which another file is kept.

In node_modules, and in the directories of distributions, each directory is a package. Elsewhere the nearest
package.json is that of the app. Files that the run has opened stay, because node uses them to resolve modules. The lock
file in node_modules names every installed package. Only npm reads it, so it is dropped unless it was opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.packages.metadata.description import PackageMetadata
from docker_slim_plugin.resolve.packages.metadata.presence import MANIFEST
from docker_slim_plugin.resolve.packages.metadata.sources import Sources
from docker_slim_plugin.rootfs.index import Rootfs, parents

NAME = "package.json"
_PACKAGE = re.compile(r"(?:.*/node_modules|/usr/(?:share|lib)/nodejs)/(?:@[^/]+/)?[^/@][^/]*(?=/)", re.DOTALL)


def find(sources: Sources) -> Iterator[PackageMetadata]:
    """Yield the packages of which a file is kept, and all others in node_modules."""
    entries = sources.rootfs.entries
    present = _find_present(sources)
    for path in sorted(entries):
        inside = MANIFEST.search(path) is not None
        if (inside or path in present) and entries[path].kind is not EntryKind.DIRECTORY:
            yield PackageMetadata(is_present=path in present, files=(path,), kept_files=(path,))


def _find_present(sources: Sources) -> set[RootPath]:
    found: set[RootPath] = set()
    nearest: dict[RootPath, RootPath | None] = {}
    rootfs, owners = sources.rootfs, sources.packages.owners
    for path in sources.code:
        match = _PACKAGE.match(path)
        if match is not None:
            found.add(RootPath(f"{match[0]}/{NAME}"))
        elif path not in owners and (manifest := _nearest_manifest(rootfs, path, nearest)) is not None:
            found.add(manifest)
    return found & rootfs.entries.keys()


def _nearest_manifest(rootfs: Rootfs, path: RootPath, known: dict[RootPath, RootPath | None]) -> RootPath | None:
    visited: list[RootPath] = []
    found = None
    for directory in parents(path):
        if directory in known:
            found = known[directory]
            break
        visited.append(directory)
        if NAME in rootfs.children.get(directory, ()):
            found = RootPath(f"{'' if directory == '/' else directory}/{NAME}")
            break
    known.update(dict.fromkeys(visited, found))
    return found if found != path else None
