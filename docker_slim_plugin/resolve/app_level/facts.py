"""What the rules decide by: the image, its packages, and what the run used."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.observation import Access, AccessKind
from docker_slim_plugin.model.plan import Reason, ReasonKind
from docker_slim_plugin.resolve.elf.loader import Loader
from docker_slim_plugin.resolve.packages.documentation import is_documentation
from docker_slim_plugin.resolve.packages.ownership import Packages
from docker_slim_plugin.rootfs.index import Rootfs

USED = frozenset({AccessKind.EXEC, AccessKind.OPEN, AccessKind.LIST, AccessKind.CHDIR})
MAX_TEXT = 4 << 20
"""Bytes of a source file that are read."""


@dataclass(frozen=True, kw_only=True)
class AppFacts:
    """The image and the run."""

    rootfs: Rootfs
    packages: Packages
    config: Mapping[str, Any]
    """The image's Config."""
    accesses: tuple[Access, ...] = field(repr=False)
    loader: Loader | None = field(default=None, repr=False)

    def libraries_size(self, path: RootPath, kept: Container[RootPath]) -> int:
        """Return the bytes of the shared libraries that a program or module needs, and that are not kept yet."""
        if self.loader is None or self.loader.examine(path) is None:
            return 0
        return self.size_of(one for one in self.loader.closure(path).mapped if one not in kept)

    @cached_property
    def used(self) -> frozenset[RootPath]:
        """The files and directories that the run executed, opened, listed or changed to."""
        names = {(access.path, access.root) for access in self.accesses if access.kind in USED}
        ends = (self.rootfs.walk(path, root=root).end for path, root in names)
        return frozenset(end for end in ends if end is not None)

    @cached_property
    def executed(self) -> frozenset[RootPath]:
        names = {(access.path, access.root) for access in self.accesses if access.kind is AccessKind.EXEC}
        ends = (self.rootfs.walk(path, root=root).end for path, root in names)
        return frozenset(end for end in ends if end is not None)

    def files_below(self, top: RootPath) -> Iterator[RootPath]:
        """Yield what is below `top` and no directory; symlinks are not followed."""
        for entry in self.rootfs.below(top):
            if entry.kind is not EntryKind.DIRECTORY:
                yield entry.path

    def package_files(self, key: str) -> Iterator[RootPath]:
        """Yield the files of a distribution package, without documentation and translations."""
        return (path for path in self.files_by_package.get(key, ()) if not is_documentation(path))

    @cached_property
    def files_by_package(self) -> Mapping[str, tuple[RootPath, ...]]:
        found: dict[str, list[RootPath]] = {}
        for path, key in self.packages.owners.items():
            found.setdefault(key, []).append(path)
        return {key: tuple(sorted(paths)) for key, paths in found.items()}

    def size_of(self, paths: Iterable[RootPath]) -> int:
        """Return the bytes of files."""
        return sum(self.rootfs.entries[path].size for path in paths if path in self.rootfs.entries)


Kept = Mapping[RootPath, Collection[Reason]]
"""The kept set: the reasons of each path."""


def is_kept_beside(reasons: Collection[Reason], names: Container[str]) -> bool:
    """Tell whether there is another reason for a path than the rules of these names, links aside."""
    return any(one.by not in names and one.kind is not ReasonKind.SYMLINK for one in reasons)


class Rule(Protocol):
    """Finds paths that are kept besides. It is asked again and again while the kept set grows."""

    def find(self, kept: Kept) -> Iterable[str]:
        """Return paths that `kept` calls for. Paths that were returned before may be left out."""
        ...
