"""What xray shows on a terminal."""

from __future__ import annotations

from docker_slim_plugin.cli import xray_tables
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.workflows.xray import XrayResult
from docker_slim_plugin.xray.rules import check_rules
from tests.xrayed import TREE, findings


def shown(**more: object) -> str:
    found = findings(**more)  # type: ignore[arg-type]
    return xray_tables.summary(XrayResult(found, check_rules({"highestSecrets": "0", "highestShells": "1"}, found)))


def test_all_is_there() -> None:
    text = shown()
    assert text.startswith("app:1: 1kB in 3 layers; a container sees ")
    for line in (
        "2       91B    1 (3B)      3 (88B)   4 (51B)    RUN \\x1b[31m" + "x" * (xray_tables.STEP - 3 - 12) + "...",
        "efficiency 58.96%, 286B wasted: 310.9% of the 92B above the lowest layer",
        "160B     2        /dir/a",
        "9B in duplicates: files with the same content, and no hard links",
        "no file that gives rights",
        "shells: /bin/sh",
        "variables that look like secrets: API_KEY",
        "2 certificates, 1 ended or end within 90 days; the next ends on 2036-01-01",
        "2026-01-11   9      soon\\x1b[31m   /etc/cert.pem",
        "FAIL  highestSecrets=0: 2 files and variables that look like secrets",
        "ok    highestShells=1: 1 shells",
    ):
        assert line in text.split("\n")


def test_names_cannot_control_the_terminal() -> None:
    odd = Entry(path=RootPath("/odd\x1b]0;x\x07\udcff"), kind=EntryKind.FILE, mode=0o6777)
    text = shown(tree={**TREE, "/odd": odd}, reference="a\x1b[31m", variables=("A\nB",), created_by=("\x1b", "\r", "\x9b"))
    assert all(line.isprintable() for line in text.split("\n"))
    assert "/srv/key\\n<b>\\x1b[31m" in text
    assert "/odd\\x1b]0;x\\x07\\xff" in text


def test_long_lists_are_cut() -> None:
    tree = {f"/s{number:02}": Entry(path=RootPath(f"/s{number:02}"), kind=EntryKind.FILE, mode=0o4755) for number in range(15)}
    text = shown(tree=tree)
    assert "/s09" in text
    assert "/s10" not in text
    assert "5 more with --format json" in text


def test_paths_of_layers() -> None:
    lines = xray_tables.changes(findings(listed=True)).split("\n")
    assert "  1  added       100B  /dir/a" in lines
    assert "  2  changed      60B  /dir/a" in lines
    assert "  3  deleted      60B  /dir/a" in lines
    assert len(lines) == 11 + 8 + 3
