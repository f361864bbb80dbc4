"""Select the kept files that show that a package is present: not directories, and not package metadata."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.packages.documentation import is_documentation
from docker_slim_plugin.resolve.packages.ownership import Packages
from docker_slim_plugin.rootfs.index import Rootfs

DATABASES = ("/var/lib/dpkg/", "/lib/apk/db/", "/usr/lib/apk/db/", "/var/lib/rpm/", "/usr/lib/sysimage/rpm/")
PYTHON = re.compile(r"\.(?:dist|egg)-info(?:/|$)|\.egg/EGG-INFO(?:/|$)", re.IGNORECASE)
MANIFEST = re.compile(r"/(?:node_modules|nodejs)/(?:@[^/]+/)?[^/@]+/package\.json$|/node_modules/\.package-lock\.json$")
GEM = re.compile(
    r"/specifications/(?:default/)?[^/]+\.gemspec$"
    r"|/extensions/(?:[^/]+/){3}(?:gem\.build_complete|gem_make\.out|mkmf\.log)$"
)
LICENSES = ("/usr/share/licenses/", "/usr/local/share/licenses/")


class KeptCode:
    """The kept files of one image that are neither directories nor metadata."""

    def __init__(self, rootfs: Rootfs, packages: Packages, kept: Iterable[RootPath]) -> None:
        files = (path for path in kept if not is_directory(rootfs, path))
        self._sorted = sorted(path for path in files if not is_metadata(path))
        self._all = frozenset(self._sorted)
        counted = (path for path in self._sorted if not is_documentation(path) and not path.startswith(LICENSES))
        self.packages = frozenset(key for path in counted for key in packages.owners_of(path))
        """Distribution packages that are present."""

    def __contains__(self, path: RootPath | None) -> bool:
        return path in self._all

    def __iter__(self) -> Iterator[RootPath]:
        return iter(self._sorted)

    def has_below(self, directory: str) -> bool:
        """Return whether any of the files is below a directory."""
        return self.has_prefix(f"{directory}/")

    def has_prefix(self, start: str) -> bool:
        """Return whether the path of any of the files starts with `start`."""
        place = bisect_left(self._sorted, start)
        return place < len(self._sorted) and self._sorted[place].startswith(start)


def is_directory(rootfs: Rootfs, path: RootPath) -> bool:
    """Return whether a path of a file list is a directory in the image, or a symlink to one."""
    # A directory of a file list may be a symlink in the image: /lib, in a merged /usr.
    entry = rootfs.entries[path]
    found = rootfs.find(path) if entry.kind is EntryKind.SYMLINK else entry
    return found is not None and found.kind is EntryKind.DIRECTORY


def is_metadata(path: str) -> bool:
    """Return whether a file is package metadata."""
    if path.startswith(DATABASES):
        return True
    return any(pattern.search(path) for pattern in (PYTHON, MANIFEST, GEM))
