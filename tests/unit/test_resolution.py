"""A plan on its way from the process that worked it out: nothing is lost, and nothing foreign is taken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from docker_slim_plugin import records
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model import Group, Observations, RunResult, Selection, SourceImage
from docker_slim_plugin.resolve.resolution import Resolution, ResolvedPath, compact, expand, resolution
from tests.rootfs import rootfs

TREE = rootfs({
    "/bin": "-> usr/bin", "/usr/bin/app": "#!/bin/sh\n", "/usr/bin/sh": "x", "/etc/passwd": "root:x:0:0::/:/bin/sh\n",
    "/srv/na\udcffme\n": "odd", "/var/lib/dpkg/status": "Package: a\nVersion: 1\n\n", "/var/lib/dpkg/info/a.list": "/usr/bin/app\n",
})  # fmt: skip
NOTHING = Observations(accesses=(), result=RunResult(), mode="off", watch="off")
SOURCE = SourceImage(
    reference="app:1", id="sha256:1", digests=(), tags=(), size=1, os="linux", architecture="amd64", variant="",
    created="", config={"Cmd": ["app"]}, layers=(),
)  # fmt: skip


def found() -> Resolution:
    return resolution(TREE, NOTHING, Selection(keep=("/srv/**", "/bin/app", "/none")), SOURCE)


def test_nothing_is_lost_on_the_way() -> None:
    one = found()
    again = records.from_json(Resolution, records.to_json(one))
    assert again == one
    plan = expand(again, TREE)
    assert compact(plan) == one
    paths = [kept.entry.path for kept in plan.kept]
    assert "/srv/na\udcffme\n" in paths
    assert paths == sorted(paths)
    generated = [kept for kept in plan.kept if kept.content is not None]
    assert [kept.entry.size for kept in generated] == [len(kept.content or b"") for kept in generated]
    assert all(kept.entry is TREE.entries[kept.entry.path] for kept in plan.kept if kept.content is None)
    assert plan.warnings == ("--keep '/none' matches nothing in the image",)


@pytest.mark.parametrize(
    "row",
    [
        ResolvedPath("/etc/shadow", (0,), Group.APP, "", None),
        ResolvedPath("../../etc/shadow", (0,), Group.APP, "", None),
        ResolvedPath("/usr/bin/app", (10_000,), Group.APP, "", None),
        ResolvedPath("/usr/bin/app", (-1,), Group.APP, "", None),
    ],
)
def test_what_the_image_has_not_gets_into_no_plan(row: ResolvedPath) -> None:
    one = found()
    with pytest.raises(SlimError, match="cannot use what was worked out of the image"):
        expand(replace(one, kept=(*one.kept, row)), TREE)


@pytest.mark.parametrize(
    ("old", "new"),
    [('"app"', '"root"'), (",[1],", ',["1"],'), ('"total_files"', '"files"'), ("null", "7"), ('"kind"', '"by"')],
)
def test_what_is_no_plan_is_refused(old: str, new: str) -> None:
    text = records.to_json(found())
    assert old in text
    with pytest.raises(records.Malformed):
        records.from_json(Resolution, text.replace(old, new, 1))
