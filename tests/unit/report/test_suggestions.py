from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from docker_slim_plugin.report.suggestions import MAX_SUGGESTIONS, paths

FILES = (("/", "dir"), ("/etc", "dir"), ("/etc/passwd", "file"), ("/etc/ssl", "dir"), ("/etc/ssl/a b", "file"), ("/bin", "link"), ("/bäh", "file"), ("/\x1b[2J", "file"), ("/a\nb", "file"))


def write(state: Path, image: str, files: Sequence[tuple[str, str]] = FILES, when: str = "20260101T000000") -> Path:
    path = state / "docker-slim" / f"x-{when}-1.json"
    path.parent.mkdir(exist_ok=True)
    document = {
        "Source": {"Reference": "the-source", "ID": "x"},
        "Images": [{"Form": "layered", "Reference": image, "ID": "y"}],
        "Observed": {},
        "Files": [{"Path": name, "Kind": kind, "Reasons": []} for name, kind in files],
    }
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", ["/"]),
        ("/", ["/bin", "/bäh", "/etc/"]),
        ("/b", ["/bin", "/bäh"]),
        ("/bä", ["/bäh"]),
        ("/etc", ["/etc/"]),
        ("/etc/", ["/etc/passwd", "/etc/ssl/"]),
        ("/etc/ssl/", ["/etc/ssl/a b"]),
        ("/none", []),
        ("etc", []),
        ('/"', []),
    ],
)
def test_the_next_part_of_paths(tmp_path: Path, prefix: str, expected: list[str]) -> None:
    write(tmp_path, "nginx:latest-slim")
    assert paths("nginx:latest-slim", prefix, {"XDG_STATE_HOME": str(tmp_path)}) == expected


def test_the_newest_report_that_names_the_image(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    assert paths("app", "/", environment) == []
    write(tmp_path, "app:latest", [("/old", "file")])
    write(tmp_path, "app:latest", [("/new", "file")], "20270101T000000")
    write(tmp_path, "app:latest-slim", [("/other", "file")], "20280101T000000")
    assert paths("app", "/", environment) == paths("app:latest", "/", environment) == ["/new"]
    assert paths("the-source", "/", environment) == paths("app:1", "/", environment) == []
    own = write(tmp_path, "x", [("/own", "file")], "20250101T000000")
    assert paths("absent", "/", environment, str(own)) == ["/own"]
    assert paths("absent", "/", environment, str(tmp_path / "none")) == []


def test_damaged_reports_are_bounded_and_linear(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    begun = time.process_time()
    for piece in ('"Path": "', '"Path": "\\', '\\"', '"Path": "/a", "Kind": ', '"Path": "/\\ud800", "Kind": "file"', '"Path": "/\\q", "Kind": "file"'):
        own.write_text(piece * 200_000)
        assert paths("x", "/", {}, str(own)) in ([], ["/a"])
    assert time.process_time() - begun < 30
    write(tmp_path, "many", [(f"/{number}", "file") for number in range(MAX_SUGGESTIONS + 10)])
    assert len(paths("many", "/", {"XDG_STATE_HOME": str(tmp_path)})) == MAX_SUGGESTIONS
