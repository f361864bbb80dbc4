"""The run on the page: processes as a tree with what each used first, and a timeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from docker_slim_plugin.model.entry import EntryKind
from docker_slim_plugin.report.stored import StoredEntry, StoredProcess, StoredReport

MAX_PROCESSES, MAX_LEVEL, MAX_PATHS = 400, 20, 12
"""Processes on the page, levels of their tree (what is deeper stands on the last one), paths of each that are named."""
BINS = 60
MAX_EVENTS = 300


@dataclass(frozen=True, slots=True)
class ShownProcess:
    """A process, with what it used before any other one did."""

    arguments: tuple[str, ...]
    pid: int
    seconds: float
    files: int
    size: int
    paths: tuple[str, ...]
    """The largest ones."""
    children: tuple[ShownProcess, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """A moment of the run."""

    seconds: float
    kind: str
    """process or probe."""
    text: str
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Timeline:
    """When paths were used first, and what happened."""

    seconds: float
    """Its length."""
    bins: tuple[int, ...]
    """Paths that were used first in each of BINS parts."""
    events: tuple[Event, ...]
    """In order."""
    more: int
    """Events beyond MAX_EVENTS."""


def process_tree(report: StoredReport) -> tuple[tuple[ShownProcess, ...], int]:
    """Return the processes that have no parent, with their children, and how many are left out."""
    used = _used_first(report.Files)
    # What only forked and has the same arguments stands with its parent.
    parents: dict[int, int] = {0: 0}
    by_number: dict[int, StoredProcess] = {}
    children: dict[int, list[int]] = {}
    levels = {0: 0}
    for one in report.Processes:
        parent = parents.get(one.Parent, 0)
        if one.Number in parents:
            continue
        before = by_number.get(parent)
        if before and before.Arguments == one.Arguments:
            parents[one.Number] = parent
            used.setdefault(parent, []).extend(used.pop(one.Number, []))
        elif len(by_number) < MAX_PROCESSES:
            if levels[parent] >= MAX_LEVEL:
                parent = parents.get(before.Parent, 0) if before else 0
                parent = parent if levels[parent] < MAX_LEVEL else 0
            parents[one.Number] = one.Number
            by_number[one.Number] = one
            levels[one.Number] = levels[parent] + 1
            children.setdefault(parent, []).append(one.Number)

    def shown(number: int) -> ShownProcess:
        one, entries = by_number[number], sorted(used.get(number, []), key=lambda entry: -entry.Size)
        return ShownProcess(
            one.Arguments,
            one.PID,
            one.Seconds,
            len(entries),
            sum(entry.Size for entry in entries),
            tuple(entry.Path for entry in entries[:MAX_PATHS]),
            tuple(map(shown, children.get(number, ()))),
        )

    merged = len(set(parents) - set(by_number) - {0})
    return tuple(map(shown, children.get(0, ()))), len(report.Processes) - len(by_number) - merged


def _used_first(entries: Iterable[StoredEntry]) -> dict[int, list[StoredEntry]]:
    """Return the paths, directories aside, by the number of the process that used them first."""
    found: dict[int, list[StoredEntry]] = {}
    for entry in entries:
        seen = [one for one in entry.Reasons if one.Process and one.Seconds]
        if seen and entry.Kind != EntryKind.DIRECTORY:
            found.setdefault(min(seen, key=lambda one: one.Seconds).Process, []).append(entry)
    return found


def make_timeline(report: StoredReport) -> Timeline:
    """Return the timeline of a report."""
    first = [min((one.Seconds for one in entry.Reasons if one.Seconds > 0), default=0.0) for entry in report.Files]
    first = [seconds for seconds in first if seconds > 0]
    probes = [one for one in report.Observed.Probes if one.Ended > 0]
    events = [Event(one.Seconds, "process", " ".join(one.Arguments)) for one in _started(report.Processes)]
    events += [Event(one.Ended, "probe", f"{one.Kind} {one.Target}: {one.Status}", one.OK) for one in probes]
    events.sort(key=lambda event: event.seconds)
    end = max([0.0, *first, *(event.seconds for event in events)])
    bins = [0] * BINS
    for seconds in first:
        bins[min(int(seconds / end * BINS), BINS - 1)] += 1
    shown = tuple(events[:MAX_EVENTS])
    return Timeline(end, tuple(bins), shown, len(events) - len(shown))


def _started(processes: Sequence[StoredProcess]) -> Iterable[StoredProcess]:
    """Yield the processes that are no plain forks of another one."""
    arguments = {one.Number: one.Arguments for one in processes}
    return (one for one in processes if arguments.get(one.Parent) != one.Arguments)
