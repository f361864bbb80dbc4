"""The transfer of a plan from the sandboxed process: nothing is lost, and invalid plans are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from docker_slim_plugin import typed_json
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.plan import Group, Reason, ReasonKind, Selection
from docker_slim_plugin.resolve.resolution import Resolution, ResolvedPath, compact, expand, resolve_compact
from docker_slim_plugin.rootfs.index import Rootfs
from tests.observed import observations, source_image
from tests.rootfs import rootfs

TREE = rootfs({
    "/bin": "-> usr/bin", "/usr/bin/app": "#!/bin/sh\n", "/usr/bin/sh": "x", "/etc/passwd": "root:x:0:0::/:/bin/sh\n",
    "/srv/na\udcffme\n": "odd", "/var/lib/dpkg/status": "Package: a\nVersion: 1\n\n", "/var/lib/dpkg/info/a.list": "/usr/bin/app\n",
})  # fmt: skip
NOTHING = observations(mode="off", watch="off")
SOURCE = source_image({"Cmd": ["app"]})


def found() -> Resolution:
    return resolve_compact(TREE, NOTHING, Selection(keep=("/srv/**", "/bin/app", "/none")), SOURCE)


def test_expand_restores_the_plan() -> None:
    one = found()
    again = typed_json.from_json(Resolution, typed_json.to_json(one))
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
def test_paths_outside_the_image_are_refused(row: ResolvedPath) -> None:
    one = found()
    with pytest.raises(SlimError, match="cannot use the plan for the image"):
        expand(replace(one, kept=(*one.kept, row)), TREE)


@pytest.mark.parametrize(
    ("old", "new"),
    [('"app"', '"root"'), (",[1],", ',["1"],'), ('"total_files"', '"files"'), ("null", "7"), ('"kind"', '"by"')],
)
def test_an_invalid_plan_is_refused(old: str, new: str) -> None:
    text = typed_json.to_json(found())
    assert old in text
    with pytest.raises(typed_json.Malformed):
        typed_json.from_json(Resolution, text.replace(old, new, 1))


def kept(one: Resolution, path: str, **changes: object) -> Resolution:
    """Return a resolution with changes to one path."""
    return replace(one, kept=tuple(row._replace(**changes) if row.path == path else row for row in one.kept))  # type: ignore[arg-type]


def without(one: Resolution, path: str) -> Resolution:
    return replace(one, kept=tuple(row for row in one.kept if row.path != path))


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, kept=one.kept[::-1]),
        lambda one: replace(one, kept=(*one.kept, one.kept[-1])),
        lambda one: without(one, "/usr"),
        lambda one: without(one, "/usr/bin"),
        lambda one: kept(one, "/usr/bin/app", reasons=()),
        lambda one: kept(one, "/usr/bin/app", group=Group.COMMON),
        lambda one: kept(one, "/usr/bin/app", group=Group.SHELL),
        lambda one: kept(one, "/usr/bin/app", content=b"#!/bin/evil"),
        lambda one: kept(one, "/usr/bin", content=b"x"),
        lambda one: kept(one, "/var/lib/dpkg", content=b"x"),
        lambda one: kept(one, "/bin", content=b"x"),
        lambda one: kept(one, "/var/lib/dpkg/status", content=bytes(2 << 20)),
        lambda one: replace(one, reasons=(*one.reasons, Reason(ReasonKind.BASE, "x"))),
        lambda one: replace(one, reasons=(*one.reasons, Reason(ReasonKind.SHELL, "x"))),
        lambda one: replace(one, total_files=one.total_files + 1),
    ],
)  # fmt: skip
def test_an_inconsistent_plan_is_refused(change: Callable[[Resolution], Resolution]) -> None:
    """The sandboxed process has read hostile files, so its plan is not trusted."""
    one = found()
    expand(one, TREE)
    assert change(one) != one
    with pytest.raises(SlimError, match="cannot use the plan for the image"):
        expand(change(one), TREE)


def test_a_set_id_file_gets_no_new_content() -> None:
    one = kept(found(), "/var/lib/dpkg/status", content=b"Package: a\n\n")
    assert expand(one, TREE).by_path()[RootPath("/var/lib/dpkg/status")].content == b"Package: a\n\n"
    status = replace(TREE.entries[RootPath("/var/lib/dpkg/status")], mode=0o4755)
    entries = {**TREE.entries, status.path: status}
    with pytest.raises(SlimError, match="may not get new content"):
        expand(one, Rootfs.of(entries.values(), TREE.reader))


def test_metadata_behind_a_link_is_metadata() -> None:
    tree = rootfs({"/var/lib/dpkg": "-> /usr/share/db", "/usr/share/db/status": "Package: a\nVersion: 1\n\n"})
    one = resolve_compact(tree, NOTHING, Selection(keep=("/usr/share/db/status",)), SOURCE)
    assert expand(kept(one, "/usr/share/db/status", content=b""), tree)


def test_warnings_are_bounded() -> None:
    one = replace(found(), warnings=tuple(f"{number}" * 9000 for number in range(1, 5000)), notes=("x" * 5000,))
    plan = expand(one, TREE)
    assert len(plan.warnings) == 201
    assert max(map(len, (*plan.warnings, *plan.notes))) == 2000
    assert plan.warnings[-1] == "and 4799 more"
