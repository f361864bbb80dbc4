"""Assignment of entries to layers."""

from __future__ import annotations

from typing import Any

import pytest

from docker_slim_plugin.image.layers import single_layer, split_layers
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.plan import FilePlan, Group, KeptEntry, Reason, ReasonKind

_, BASE, RUNTIME, APP, CONFIG, _ = Group
REASONS = (Reason(ReasonKind.KEEP, "test"),)


def kept(path: str, group: Group = APP, kind: EntryKind = EntryKind.FILE, **more: Any) -> KeptEntry:
    content = more.pop("content", None)
    entry = Entry(path=RootPath(path), kind=kind, mode=0o644, **more)
    return KeptEntry(entry=entry, reasons=REASONS, group=group, content=content)


def directory(path: str, **more: Any) -> KeptEntry:
    return kept(path, APP, EntryKind.DIRECTORY, **more)


def plan(*entries: KeptEntry) -> FilePlan:
    return FilePlan(kept=entries, total_files=0, total_bytes=0)


def names(plan: FilePlan) -> list[tuple[Group, list[str]]]:
    return [(group, [one.entry.path for one in entries]) for group, entries in split_layers(plan)]


TREE = (directory("/"), directory("/a"), directory("/a/b"), directory("/empty"))
LINKED = {"inode": 9, "links": 2}


@pytest.mark.parametrize(
    ("entries", "layers"),
    [
        pytest.param(TREE, [(BASE, ["/", "/a", "/a/b", "/empty"])], id="only directories"),
        pytest.param(
            (*TREE, kept("/a/b/f", APP), kept("/a/g", RUNTIME), kept("/h", CONFIG)),
            [(RUNTIME, ["/", "/a", "/a/b", "/a/g", "/empty"]), (APP, ["/", "/a", "/a/b", "/a/b/f"]), (CONFIG, ["/", "/h"])],
            id="the lowest has all directories, each other the parents of its files",
        ),
        pytest.param(
            (*TREE, kept("/a/1", CONFIG, **LINKED), kept("/a/2", RUNTIME, **LINKED), kept("/x", APP)),
            [(RUNTIME, ["/", "/a", "/a/1", "/a/2", "/a/b", "/empty"]), (APP, ["/", "/x"])],
            id="all names of a file lie in the lowest layer of any",
        ),
        pytest.param(
            (*TREE, kept("/1", CONFIG, inode=9, links=2), kept("/2", APP, content=b"", **LINKED)),
            [(APP, ["/", "/2", "/a", "/a/b", "/empty"]), (CONFIG, ["/", "/1"])],
            id="what we wrote ourselves is no other name of anything",
        ),
        pytest.param(
            (*TREE, kept("/1", CONFIG, size=1, **LINKED), kept("/2", APP, size=2, **LINKED)),
            [(APP, ["/", "/2", "/a", "/a/b", "/empty"]), (CONFIG, ["/", "/1"])],
            id="inodes of two file systems that have the same number",
        ),
        pytest.param(
            (*TREE, kept("/1", CONFIG, inode=9), kept("/2", APP, inode=9)),
            [(APP, ["/", "/2", "/a", "/a/b", "/empty"]), (CONFIG, ["/", "/1"])],
            id="one link is no hard link",
        ),
    ],
)  # fmt: skip
def test_split_layers(entries: tuple[KeptEntry, ...], layers: list[tuple[Group, list[str]]]) -> None:
    assert names(plan(*entries)) == layers


def test_a_directory_is_the_same_in_every_layer() -> None:
    odd = directory("/a", uid=7, mtime_ns=5)
    layers = dict(split_layers(plan(directory("/"), odd, kept("/a/1", APP), kept("/a/2", BASE))))
    assert odd in layers[APP]
    assert odd in layers[BASE]


def test_the_order_of_the_plan_does_not_matter() -> None:
    entries = (*TREE, kept("/a/b/f", APP), kept("/a-b", APP), kept("/a/g", CONFIG))
    assert split_layers(plan(*entries)) == split_layers(plan(*reversed(entries)))


def test_single_layer() -> None:
    entries = (*TREE, kept("/a/b/f", APP), kept("/h", CONFIG))
    ((_, layer),) = single_layer(plan(*reversed(entries)))
    assert [one.entry.path for one in layer] == ["/", "/a", "/a/b", "/a/b/f", "/empty", "/h"]
