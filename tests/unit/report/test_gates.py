"""Gates: sizes as docker prints them, and what is new since a baseline."""

from __future__ import annotations

import pytest

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.plan import FilePlan, KeptEntry, Reason, ReasonKind
from docker_slim_plugin.model.sizes import parse_size
from docker_slim_plugin.report.gates import SHOWN, compare_with_baseline
from docker_slim_plugin.report.stored import StoredEntry, StoredReport, StoredSource


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("12", 12), ("800kB", 800_000), ("1.5GB", 1_500_000_000), ("50 MB", 50_000_000), ("50m", 50_000_000), ("2MiB", 2 << 20), ("1.5 kib", 1536)])
def test_sizes(text: str, number: int) -> None:
    assert parse_size(text) == number


@pytest.mark.parametrize("text", ["", "MB", "-1", "1 TB", "1e9", "5 0MB", "9" * 40, "1i", "1iB"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{text}$"):
        parse_size(text)


def plan(*entries: tuple[str, int, str]) -> FilePlan:
    kept = [KeptEntry(entry=Entry(path=RootPath(path), kind=EntryKind.FILE, mode=mode), reasons=(Reason(ReasonKind.KEEP, "x"),), package=package) for path, mode, package in entries]
    return FilePlan(kept=tuple(kept), total_files=9, total_bytes=9)


def baseline(*entries: tuple[str, str, str]) -> StoredReport:
    return StoredReport(StoredSource("a", "sha256:a"), (), tuple(StoredEntry(path, "file", 1, "app", package, (), mode) for path, mode, package in entries))


def test_nothing_is_new() -> None:
    assert not list(compare_with_baseline(plan(("/a", 0o4755, "p")), baseline(("/a", "4755", "p"), ("/b", "0644", "q"))))


def test_new_files_packages_and_rights() -> None:
    found = list(compare_with_baseline(plan(("/a", 0o4755, "p"), ("/c", 0o2755, "q")), baseline(("/a", "0755", "p"))))
    assert found == [
        "new files since the baseline: /c",
        "new packages since the baseline: q",
        "new setuid or setgid files since the baseline: /a, /c",
    ]


def test_many_are_counted() -> None:
    (found,) = compare_with_baseline(plan(*((f"/{number:03}", 0o644, "") for number in range(50))), baseline(("/x", "0644", "")))
    assert found.endswith(f"/{SHOWN - 1:03} and {50 - SHOWN} more")
