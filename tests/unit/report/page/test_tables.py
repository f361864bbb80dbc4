"""The tables of the page have the sums of `diff`."""

from __future__ import annotations

import pytest

from docker_slim_plugin.report.changes import Change, State, without_source
from docker_slim_plugin.report.page.tables import MAX_NEEDERS, MAX_ROWS, group_rows, library_rows, sum_rows
from docker_slim_plugin.report.stored import StoredEntry, StoredReason

CHANGES = [
    Change("/usr/bin/a", State.KEPT, 60, "p", "base", 60, "base"),
    Change("/usr/bin/again", State.KEPT, 0, "p", "base", 60, "base"),
    Change("/usr/bin/b", State.DROPPED, 0, "p", "", 30, "base"),
    Change("/srv/c", State.DROPPED, 0, "", "", 100, "app"),
    Change("/status", State.GENERATED, 10, "", "config", 50, "config"),
    Change("/bin/busybox", State.GENERATED, 9, "", "shell", 0, "shell"),
    Change("/usr/lib/whole", State.KEPT, 5, "w", "runtime", 5, "runtime"),
]


def test_groups() -> None:
    assert [(one.name, one.before, one.after, one.files_before, one.files_after) for one in group_rows(CHANGES)] == [
        ("base", 90, 60, 3, 2),
        ("runtime", 5, 5, 1, 1),
        ("app", 100, 0, 1, 0),
        ("config", 50, 10, 1, 1),
        ("shell", 0, 9, 0, 1),
    ]


def test_packages() -> None:
    rows = sum_rows(CHANGES, "package")
    assert [(one.name, one.kept, one.generated, one.dropped, one.files_in, one.files_out, one.is_in) for one in rows] == [
        ("(no package)", 0, 19, 100, 2, 1, "in part"),
        ("p", 60, 0, 30, 2, 1, "in part"),
        ("w", 5, 0, 0, 1, 0, "whole"),
    ]
    assert [one.is_in for one in sum_rows(CHANGES[2:3], "package")] == ["gone"]


@pytest.mark.parametrize("by", ["package", "directory"])
def test_what_is_beyond_the_last_row_is_one_row(by: str) -> None:
    changes = [Change(f"/d{number}/f", State.KEPT, number, f"p{number}", "app") for number in range(MAX_ROWS + 50)]
    rows = sum_rows(changes, by)
    assert (len(rows), rows[-1].name, rows[-1].files_in) == (MAX_ROWS + 1, "(50 more)", 50)
    assert sum(one.kept for one in rows) == sum(range(MAX_ROWS + 50))


def entry(path: str, *reasons: tuple[str, str], kind: str = "file") -> StoredEntry:
    return StoredEntry(path, kind, 7, "base", "libc6", tuple(StoredReason(kind, by, "DT_NEEDED x") for kind, by in reasons))


def test_libraries() -> None:
    entries = [
        entry("/lib/a", ("library", "/bin/x"), ("library", "/bin/x"), ("access", "app")),
        entry("/lib/b", *(("library", f"/bin/{number:02}") for number in range(20))),
        entry("/lib/c", ("access", "app")),
    ]
    rows, count = library_rows(entries)
    assert [(one.path, one.count, len(one.needers)) for one in rows] == [("/lib/b", 20, MAX_NEEDERS), ("/lib/a", 1, 1)]
    assert count == 2


def test_without_the_source_what_is_kept_is_there() -> None:
    entries = [entry("/", kind="dir"), entry("/a", ("access", "x")), entry("/g", ("generated", "x"))]
    assert [(one.path, one.state, one.size, one.home) for one in without_source(entries)] == [
        ("/a", State.KEPT, 7, "base"),
        ("/g", State.GENERATED, 7, "base"),
    ]
