"""The tables of the page: layer groups, packages, shared libraries, directories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from docker_slim_plugin.model.plan import Group, ReasonKind
from docker_slim_plugin.report.changes import Change, State, Sum, sums
from docker_slim_plugin.report.stored import StoredEntry

MAX_ROWS = 600
"""Rows of a table; one more has the sum of the others."""
MAX_NEEDERS = 6
"""What needs a library, of which the first ones are named."""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A layer group, before and after."""

    name: str
    before: int
    """Bytes in the source's tree of what is or would be in it."""
    after: int
    files_before: int
    files_after: int


@dataclass(frozen=True, slots=True)
class SumRow:
    """The sums of a package or directory."""

    name: str
    kept: int
    """Bytes; what is generated is in the next."""
    generated: int
    dropped: int
    files_in: int
    files_out: int

    @property
    def is_in(self) -> str:
        """Say how much of it is in the image."""
        if not self.files_in:
            return "gone"
        return "in part" if self.files_out else "whole"


@dataclass(frozen=True, slots=True)
class LibraryRow:
    """A shared library that is in because others need it."""

    path: str
    size: int
    package: str
    needers: tuple[str, ...]
    """The first ones."""
    count: int


def group_rows(changes: Iterable[Change]) -> tuple[GroupRow, ...]:
    """Return the layer groups, lowest first."""
    found: dict[str, list[int]] = {}
    for change in changes:
        row = found.setdefault(change.home or change.group or "unknown", [0, 0, 0, 0])
        is_in = change.state is not State.DROPPED
        row[0] += change.source_size
        row[1] += change.size if is_in else 0
        row[2] += not (change.state is State.GENERATED and not change.before)
        row[3] += is_in
    order = [group.value for group in Group]
    names = sorted(found, key=lambda name: (order.index(name) if name in order else len(order), name))
    return tuple(GroupRow(name, *found[name]) for name in names)


def sum_rows(changes: Iterable[Change], by: str) -> tuple[SumRow, ...]:
    """Return the sums over packages or directories, the largest first, and one of all beyond MAX_ROWS."""
    rows = sums(changes, by)
    found = [_row(one.name, (one,)) for one in rows[:MAX_ROWS]]
    if len(rows) > MAX_ROWS:
        found.append(_row(f"({len(rows) - MAX_ROWS:,} more)", rows[MAX_ROWS:]))
    return tuple(found)


def _row(name: str, rows: Sequence[Sum]) -> SumRow:
    def size(state: State) -> int:
        return sum(one.sizes.get(state, 0) for one in rows)

    def files(*states: State) -> int:
        return sum(one.files.get(state, 0) for one in rows for state in states)

    return SumRow(
        name,
        size(State.KEPT),
        size(State.GENERATED),
        size(State.DROPPED),
        files(State.KEPT, State.GENERATED),
        files(State.DROPPED),
    )


def library_rows(entries: Iterable[StoredEntry]) -> tuple[tuple[LibraryRow, ...], int]:
    """Return the libraries that are needed by most, and how many there are."""
    found: list[LibraryRow] = []
    for entry in entries:
        needers = sorted({one.By for one in entry.Reasons if one.Kind == ReasonKind.LIBRARY})
        if needers:
            found.append(LibraryRow(entry.Path, entry.Size, entry.Package, tuple(needers[:MAX_NEEDERS]), len(needers)))
    found.sort(key=lambda row: (-row.count, row.path))
    return tuple(found[:MAX_ROWS]), len(found)
