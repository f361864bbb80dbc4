"""Processes as a tree, and the timeline. Reports may have been made by anybody."""

from __future__ import annotations

from dataclasses import replace

from docker_slim_plugin.report.page.run import (
    BINS,
    MAX_EVENTS,
    MAX_LEVEL,
    MAX_PATHS,
    MAX_PROCESSES,
    ShownProcess,
    make_timeline,
    process_tree,
)
from docker_slim_plugin.report.stored import StoredEntry, StoredProcess, StoredReason, StoredReport, StoredSource
from docker_slim_plugin.report.stored_run import StoredObservation, StoredProbe


def process(number: int, parent: int, *arguments: str, seconds: float = 0.5) -> StoredProcess:
    return StoredProcess(number, parent, 100 + number, arguments, seconds)


def used(path: str, *by: tuple[int, float], size: int = 10, kind: str = "file") -> StoredEntry:
    return StoredEntry(path, kind, size, "app", "", tuple(StoredReason("access", "x", "open", *one, "the run") for one in by))


def report(*processes: StoredProcess, files: tuple[StoredEntry, ...] = (), probes: tuple[StoredProbe, ...] = ()) -> StoredReport:
    return StoredReport(StoredSource("a", "b"), (), files, Processes=processes, Observed=StoredObservation(Probes=probes))


def shown(processes: tuple[ShownProcess, ...], level: int = 0) -> list[str]:
    return [line for one in processes for line in (f"{'  ' * level}{' '.join(one.arguments)} {one.files}", *shown(one.children, level + 1))]


def test_a_tree_with_what_each_used_first() -> None:
    files = (
        used("/both", (3, 0.4), (1, 0.2)),
        used("/app", (3, 0.3)),
        used("/fork", (2, 0.3)),
        used("/dir", (3, 0.1), kind="dir"),
        used("/unseen"),
    )
    # The second one only forked.
    found, more = process_tree(report(process(1, 0, "sh"), process(2, 1, "sh"), process(3, 2, "app", "-x"), files=files))
    assert (shown(found), more) == (["sh 2", "  app -x 1"], 0)
    assert found[0].children[0].paths == ("/app",)


def test_paths_of_a_process_are_bounded() -> None:
    files = tuple(used(f"/{size}", (1, 0.1), size=size) for size in range(40))
    (one,), _ = process_tree(report(process(1, 0, "app"), files=files))
    assert (one.files, one.size, len(one.paths), one.paths[0]) == (40, sum(range(40)), MAX_PATHS, "/39")


def test_circles_doubles_and_unknown_parents() -> None:
    found, _ = process_tree(report(process(1, 2, "a"), process(2, 1, "b"), process(2, 2, "b"), process(3, 99, "c"), process(4, 4, "d")))
    assert shown(found) == ["a 0", "  b 0", "c 0", "d 0"]


def test_a_long_chain_and_many() -> None:
    chain = [process(number, number - 1, str(number)) for number in range(1, 100)]
    found, more = process_tree(report(*chain))
    assert more == 0
    lines = shown(found)
    assert len(lines) == 99
    assert max(line.count("  ") for line in lines) == MAX_LEVEL - 1
    many, more = process_tree(report(*(process(number, 0, str(number)) for number in range(1, MAX_PROCESSES + 31))))
    assert (len(many), more) == (MAX_PROCESSES, 30)


def test_a_timeline() -> None:
    probes = (StoredProbe("http", "GET 80/", True, 200, "", 6.0), StoredProbe("exec", "x", False, 1), StoredProbe("http", "GET 80/no", False, 500, "", 3.0))
    files = (used("/a", (1, 0.01)), used("/b", (1, 3.0), (2, 5.9)), used("/c", (1, 5.99)), used("/d"))
    found = make_timeline(report(process(1, 0, "sh", seconds=1.0), process(2, 1, "sh"), files=files, probes=probes))
    assert found.seconds == 6.0
    assert {place: count for place, count in enumerate(found.bins) if count} == {0: 1, BINS // 2: 1, BINS - 1: 1}
    assert [(one.seconds, one.kind, one.ok) for one in found.events] == [(1.0, "process", True), (3.0, "probe", False), (6.0, "probe", True)]


def test_a_timeline_of_nothing_and_of_nonsense() -> None:
    assert make_timeline(report()).seconds == 0
    found = make_timeline(report(*(process(number, 0, str(number), seconds=-5) for number in range(1, MAX_EVENTS + 10)), files=(used("/a", (1, -3)),)))
    assert (found.seconds, len(found.events), found.more) == (0, MAX_EVENTS, 9)
    assert make_timeline(replace(report(), Files=(used("/a", (1, 1e300)),))).bins[-1] == 1
