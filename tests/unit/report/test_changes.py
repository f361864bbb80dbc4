"""What is kept and left out, and the sums of it."""

from __future__ import annotations

from docker_slim_plugin.report.changes import NO_PACKAGE, SourceFile, State, compare_images, compare_with_source, sums
from docker_slim_plugin.report.stored import StoredEntry, StoredReason


def entry(path: str, size: int = 1, package: str = "", kind: str = "file", reason: str = "access") -> StoredEntry:
    return StoredEntry(path, kind, size, "app", package, (StoredReason(reason, "x", ""),))


SOURCE = {
    "/usr/bin/a": SourceFile(100, "p", 7),
    "/usr/bin/b": SourceFile(100, "p", 7),
    "/usr/bin/c": SourceFile(100, "p", 7),
    "/usr/lib/x/y/z": SourceFile(30, "q"),
    "/etc/link": SourceFile(4, ""),
    "/var/status": SourceFile(50, ""),
}
KEPT = [
    entry("/", kind="dir"),
    entry("/usr/bin/b", 100, "p"),
    entry("/usr/bin/c", 100, "p"),
    entry("/etc/link", 0, kind="link"),
    entry("/var/status", 20, reason="generated"),
    entry("/bin/busybox", 9, reason="shell"),
]


def test_each_path_has_a_state_and_hard_links_count_once() -> None:
    found = {one.path: (one.state, one.size, one.before) for one in compare_with_source(KEPT, SOURCE)}
    assert found == {
        "/usr/bin/b": (State.KEPT, 100, 100),
        "/usr/bin/c": (State.KEPT, 0, 100),
        "/etc/link": (State.KEPT, 4, 4),
        "/var/status": (State.GENERATED, 20, 50),
        "/bin/busybox": (State.GENERATED, 9, 0),
        "/usr/bin/a": (State.DROPPED, 0, 0),
        "/usr/lib/x/y/z": (State.DROPPED, 0, 30),
    }


def test_sums_are_the_same_over_everything() -> None:
    changes = list(compare_with_source(KEPT, SOURCE))
    totals = {by: sum(one.total() for one in sums(changes, by)) for by in ("directory", "package", "layer")}
    assert set(totals.values()) == {100 + 4 + 20 + 9 + 30}
    assert [(one.name, one.total()) for one in sums(changes, "directory")] == [("/usr/bin", 100), ("/usr/lib", 30), ("/var", 20), ("/bin", 9), ("/etc", 4)]
    assert [one.name for one in sums(changes, "package")] == ["p", NO_PACKAGE, "q"]


def test_two_images() -> None:
    first = [entry("/same"), entry("/gone", 5), entry("/grown", 1), entry("/dir", kind="dir")]
    second = [entry("/same"), entry("/new", 7), entry("/grown", 2)]
    found = [(one.path, one.state, one.before, one.size) for one in compare_images(first, second)]
    assert found == [("/gone", State.GONE, 5, 0), ("/grown", State.CHANGED, 1, 2), ("/new", State.NEW, 0, 7)]
    assert not list(compare_images(first, first))
