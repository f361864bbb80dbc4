"""What a slim image keeps of its source and leaves out, and what two slim images have that the other has not.

Sizes are bytes of regular files and of the targets of symlinks. Hard links of one file count once. So the sum of what
is kept is the size of the image: the bytes in its layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from docker_slim_plugin.model.entry import EntryKind
from docker_slim_plugin.model.plan import ReasonKind
from docker_slim_plugin.report.stored import StoredEntry

NO_PACKAGE = "(no package)"
DEPTH = 2
"""Components of a path that name its directory: /usr/lib."""


class State(StrEnum):
    """What became of a path."""

    KEPT = "kept"
    GENERATED = "generated"
    """It is in, with other content than in the source."""
    DROPPED = "dropped"
    NEW = "new"
    """Only the second image has it."""
    GONE = "gone"
    """Only the first image has it."""
    CHANGED = "changed"
    """Both have it, with another size."""


@dataclass(frozen=True, slots=True)
class Change:
    """One path that is not a directory."""

    path: str
    state: State
    size: int
    """Bytes; of the second image if two are compared, and it has the path."""
    package: str
    group: str
    """Layer group; empty if no image has it."""
    before: int = 0
    """Bytes in the source, or in the first image."""
    home: str = ""
    """Layer group that it is in, or would be in if it was kept; empty if that is not known."""

    @property
    def source_size(self) -> int:
        """Bytes that it adds to the source: of hard links, the first one counts."""
        return self.size if self.state is State.KEPT else self.before


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A path of the source that is not a directory."""

    size: int
    """Bytes of a regular file, or of a symlink's target."""
    package: str
    inode: int = 0
    """The same for all names of a file that has several; otherwise 0."""
    group: str = ""
    """Layer group of such a file."""


@dataclass(slots=True)
class Sum:
    """The paths of one directory, package or layer group."""

    name: str
    files: dict[State, int] = field(default_factory=dict)
    sizes: dict[State, int] = field(default_factory=dict)

    def add(self, change: Change) -> None:
        self.files[change.state] = self.files.get(change.state, 0) + 1
        self.sizes[change.state] = self.sizes.get(change.state, 0) + (
            change.before if change.state in (State.DROPPED, State.GONE) else change.size
        )

    def total(self) -> int:
        return sum(self.sizes.values())


def compare_with_source(entries: Iterable[StoredEntry], source: Mapping[str, SourceFile]) -> Iterator[Change]:
    """Yield what became of each path; `source` has all paths of the source that are not directories."""
    kept: set[str] = set()
    counted: set[int] = set()
    nothing = SourceFile(0, "")

    def size_of(file: SourceFile, size: int) -> int:
        """Return the size; 0 for a further name of a file."""
        is_again = file.inode in counted
        counted.update({file.inode} - {0})
        return 0 if is_again else size

    for entry in entries:
        if entry.Kind == EntryKind.DIRECTORY:
            continue
        kept.add(entry.Path)
        file = source.get(entry.Path, nothing)
        is_generated = file is nothing or any(one.Kind == ReasonKind.GENERATED for one in entry.Reasons)
        size = size_of(file, file.size if entry.Kind == EntryKind.SYMLINK else entry.Size)
        state = State.GENERATED if is_generated else State.KEPT
        yield Change(entry.Path, state, size, entry.Package, entry.Group, file.size, entry.Group)
    for path, file in source.items():
        if path not in kept:
            yield Change(path, State.DROPPED, 0, file.package, "", size_of(file, file.size), file.group)


def without_source(entries: Iterable[StoredEntry]) -> Iterator[Change]:
    """Yield what is kept, as far as the report has it: hard links count each, targets of symlinks do not."""
    for entry in entries:
        if entry.Kind != EntryKind.DIRECTORY:
            is_generated = any(one.Kind == ReasonKind.GENERATED for one in entry.Reasons)
            state = State.GENERATED if is_generated else State.KEPT
            yield Change(entry.Path, state, entry.Size, entry.Package, entry.Group, entry.Size, entry.Group)


def compare_images(first: Iterable[StoredEntry], second: Iterable[StoredEntry]) -> Iterator[Change]:
    """Yield the paths that differ: new, gone, or of another size. Contents are not in reports."""
    before = {one.Path: one for one in first if one.Kind != EntryKind.DIRECTORY}
    after = {one.Path: one for one in second if one.Kind != EntryKind.DIRECTORY}
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if new is None and old is not None:
            yield Change(path, State.GONE, 0, old.Package, old.Group, old.Size)
        elif old is None and new is not None:
            yield Change(path, State.NEW, new.Size, new.Package, new.Group)
        elif new is not None and old is not None and (old.Size, old.Kind) != (new.Size, new.Kind):
            yield Change(path, State.CHANGED, new.Size, new.Package, new.Group, old.Size)


def directory_of(change: Change) -> str:
    """Return the directory of a path, of at most DEPTH components."""
    parts = change.path.split("/")[1:-1][:DEPTH]
    return "/" + "/".join(parts)


GROUPINGS: Mapping[str, Callable[[Change], str]] = {
    "directory": directory_of,
    "package": lambda change: change.package or NO_PACKAGE,
    "layer": lambda change: change.group or "(in none)",
}


def sums(changes: Iterable[Change], by: str) -> list[Sum]:
    """Return the sums over directories, packages or layer groups, the largest first."""
    name_of = GROUPINGS[by]
    found: dict[str, Sum] = {}
    for change in changes:
        name = name_of(change)
        found.setdefault(name, Sum(name)).add(change)
    return sorted(found.values(), key=lambda one: (-one.total(), one.name))
