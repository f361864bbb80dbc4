"""Trace files: written, read, merged, reduced to paths of the image, and refused when invalid."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.observation import Access, AccessKind
from docker_slim_plugin.model.request import Exercise
from docker_slim_plugin.observe.trace import (
    Trace,
    differing_files,
    dumps,
    load,
    merge_observations,
    restrict_to_image,
    save,
)
from tests.observed import IMAGE, access, observations, probe, run_result
from tests.rootfs import rootfs


def trace(*accesses: Access, exercise: Exercise | None = None) -> Trace:
    result = run_result(probe("exec", "id", output="x"), stop_status=0, ports=(80,))
    seen = observations(*accesses, result=result, lost=1, events=9, warnings=("careful",))
    return Trace(source_id="sha256:1", exercise=exercise, observations=seen)


def test_a_file_holds_all_of_it(tmp_path: Path) -> None:
    odd = access("/na\udcffme\nwith \x1b", AccessKind.STAT, argv0="\udc80")
    rooted = access("/jail/etc/passwd", root="/jail")
    written = trace(access("/a"), rooted, odd, exercise=Exercise(command=("serve", "x"), exec_=("id",), timeout=3.5))
    save(tmp_path / "t", dumps(IMAGE, (written, trace())))
    assert (tmp_path / "t").read_bytes().isascii()
    first, second = load(str(tmp_path / "t"))
    assert sorted(first.observations.accesses, key=repr) == sorted(written.observations.accesses, key=repr)
    assert replace(first.observations, accesses=()) == replace(written.observations, accesses=())
    assert first.exercise == written.exercise
    assert second.exercise is None
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_a_file_is_its_owner_s_alone_unless_it_was_another_s_before(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    (tmp_path / "old").chmod(0o640)
    for name, mode in (("t", 0o600), ("old", 0o640)):
        save(tmp_path / name, "new\n")
        assert (tmp_path / name).read_text() == "new\n"
        assert (tmp_path / name).stat().st_mode & 0o777 == mode


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"Format": "else"}, "it is not a trace", id="another format"),
        pytest.param({"SchemaVersion": 99}, "version 99", id="a newer version"),
        pytest.param({"Runs": [{}]}, "it is damaged", id="a run without anything"),
        pytest.param({"Runs": "x"}, "it is damaged", id="runs that are none"),
        pytest.param({"Source": None}, "it is damaged", id="no source"),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path: Path, change: dict[str, object], said: str) -> None:
    document = json.loads(dumps(IMAGE, (trace(access("/a"), exercise=Exercise()),))) | change
    (tmp_path / "t").write_text(json.dumps(document))
    with pytest.raises(SlimError, match=said):
        load(str(tmp_path / "t"))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"[" * 100_000, b"{}"])
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(SlimError, match="it is not a trace"):
        load(str(tmp_path / "t"))


def test_merged_observations_contain_each_access_once() -> None:
    both = merge_observations((trace(access("/a"), access("/b")), trace(access("/b", pid=8), access("/c"))))
    assert [one.path for one in both.accesses] == ["/a", "/b", "/c"]
    assert (both.lost, both.events, both.warnings) == (2, 18, ("careful",))


def test_only_paths_of_the_image_are_kept() -> None:
    tree = rootfs({"/bin": "-> usr/bin", "/usr/bin/app": "x", "/dangling": "-> /none"})
    seen = trace(access("/bin/app"), access("/none"), access("/dangling"), access("/usr")).observations
    assert [one.path for one in restrict_to_image(tree, seen).accesses] == ["/bin/app", "/dangling", "/usr"]


def test_files_that_only_some_runs_named() -> None:
    tree = rootfs({"/a": "x", "/b": "x", "/link": "-> /a"})
    assert differing_files(tree, (trace(access("/a")), trace(access("/link")))) == ()
    assert differing_files(tree, (trace(access("/a"), access("/b")), trace(access("/link")))) == ("/b",)
