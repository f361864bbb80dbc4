"""Stored reports: found by an image's id or layers; damaged ones, and those of other versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.report import stored

REPORT: dict[str, Any] = {
    "SchemaVersion": 1,
    "Version": "0.1.0",
    "Source": {"Reference": "nginx", "ID": "sha256:source", "Size": 1, "Layers": 2, "Files": 3},
    "Images": [{"Form": "layered", "Reference": "nginx:latest-slim", "ID": "sha256:slim", "Size": 1, "Percent": 1.0, "Layers": [{"Group": "base", "DiffID": "sha256:one", "Size": 1, "Files": 1}, {"Group": "app", "DiffID": "sha256:two", "Size": 1, "Files": 1}]}],
    "Kept": {"Files": 1, "Bytes": 1, "Level": "app", "Rules": []},
    "Files": [{"Path": "/a", "Kind": "file", "Size": 1, "Group": "app", "Package": "", "Reasons": [{"Kind": "access", "By": "nginx", "Detail": "open"}]}],
}


@pytest.fixture
def state(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "docker-slim").mkdir()
    return {"XDG_STATE_HOME": str(tmp_path)}


def write(state: dict[str, str], document: Any, time: str = "20260101T000000", pid: int = 1) -> Path:
    path = Path(state["XDG_STATE_HOME"], "docker-slim", f"nginx-{time}-{pid}.json")
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_it_is_found_by_id_and_by_layers(state: dict[str, str]) -> None:
    path = write(state, REPORT)
    for image, layers in (("sha256:slim", ()), ("sha256:other-store", ("sha256:one", "sha256:two")), ("x", ("sha256:base", "sha256:one", "sha256:two"))):
        found = stored.find(image, layers, state)
        assert found is not None
        assert found[0] == str(path)
        assert (found[1].level, found[1].Files[0].Reasons[0].By) == ("app", "nginx")
    assert stored.find("sha256:source", ("sha256:two", "sha256:one"), state) is None
    assert stored.find("sha256:slim", (), {"XDG_STATE_HOME": "/nowhere"}) is None


def test_the_newest_is_taken_and_damaged_ones_are_passed_over(state: dict[str, str]) -> None:
    write(state, REPORT)
    newer = write(state, REPORT, "20260102T000000")
    write(state, json.dumps(REPORT)[:-40], "20260103T000000")
    found = stored.find("sha256:slim", (), state)
    assert found is not None
    assert found[0] == str(newer)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param("{", "it is not JSON", id="no JSON"),
        pytest.param([], "of version None", id="a list"),
        pytest.param({**REPORT, "SchemaVersion": 99}, "of version 99, not 1", id="another version"),
        pytest.param({**REPORT, "Files": [{"Path": 1}]}, "Files[0]", id="another type"),
        pytest.param({name: value for name, value in REPORT.items() if name != "Files"}, "Files: this is missing", id="a report without paths"),
        pytest.param("[" * 100_000, "deep", id="deep nesting"),
    ],
)
def test_what_cannot_be_used(state: dict[str, str], document: Any, said: str) -> None:
    path = write(state, document)
    with pytest.raises(SlimError, match="cannot use the report") as raised:
        stored.load(str(path))
    assert said in str(raised.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(SlimError, match="cannot read the report /nowhere: No such file"):
        stored.load("/nowhere")


@pytest.mark.parametrize(("kind", "mode", "privileged"), [("file", "4755", True), ("file", "2755", True), ("file", "1755", False), ("file", "0755", False), ("dir", "2775", False), ("file", "", False), ("file", "9999", False)])
def test_setuid_files(kind: str, mode: str, privileged: bool) -> None:
    assert stored.StoredEntry("/a", kind, 1, "app", "", (), mode).is_privileged is privileged


def process(number: int, parent: int, *arguments: str) -> dict[str, Any]:
    return {"Number": number, "Parent": parent, "PID": 9, "Arguments": list(arguments), "Seconds": 0.1}


def test_the_ancestry_of_a_process(state: dict[str, str]) -> None:
    # The second one only forked.
    processes = [process(1, 0, "sh", "/entry"), process(2, 1, "sh", "/entry"), process(3, 2, "app", "-x")]
    report = stored.load(str(write(state, {**REPORT, "Processes": processes})))
    assert [one.Arguments for one in report.ancestry(3)] == [("app", "-x"), ("sh", "/entry")]
    assert report.ancestry(0) == report.ancestry(7) == ()


def test_a_circle_of_processes_ends(state: dict[str, str]) -> None:
    report = stored.load(str(write(state, {**REPORT, "Processes": [process(1, 2, "a"), process(2, 1, "b")]})))
    assert len(report.ancestry(1)) <= 3
