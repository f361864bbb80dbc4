from __future__ import annotations

import json
from dataclasses import replace

import pytest

from docker_slim_plugin.image.merged_layers import find_changes, make_merged_config
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.rootfs.index import Rootfs
from tests.rootfs import rootfs

BELOW = rootfs({"/etc/a": "1", "/etc/b": "2", "/gone/deep/x": "3", "/name": "-> etc/a", "/was/file": "4", "/now": "5"})


def linked(path: str, inode: int, size: int = 1) -> Entry:
    return Entry(path=RootPath(path), kind=EntryKind.FILE, mode=0o644, size=size, inode=inode, links=2)


def changes(tree: Rootfs, below: Rootfs = BELOW, *, same: bool = True) -> tuple[list[str], list[str]]:
    found = find_changes(below, tree, lambda _: same)
    return list(found.written), list(found.deleted)


def without(*gone: str) -> dict[str, Entry]:
    return {path: entry for path, entry in BELOW.entries.items() if not any(path == one or path.startswith(f"{one}/") for one in gone)}


def test_the_same_tree_changes_nothing() -> None:
    assert changes(BELOW) == ([], [])


def test_the_same_metadata_with_other_content_is_a_change() -> None:
    written, deleted = changes(BELOW, same=False)
    assert {"/", "/etc", "/etc/a", "/now"} <= set(written)
    assert deleted == []


def test_of_a_deleted_directory_itself_alone() -> None:
    assert changes(Rootfs.of(without("/gone").values(), BELOW.reader)) == (["/"], ["/gone"])


def test_a_directory_that_becomes_a_file_needs_no_whiteout() -> None:
    tree = Rootfs.of([*without("/was").values(), linked("/was", 0)], BELOW.reader)
    assert changes(tree) == (["/", "/was"], [])


def test_a_file_that_becomes_a_directory() -> None:
    tree = Rootfs.of([*without("/now").values(), Entry(path=RootPath("/now"), kind=EntryKind.DIRECTORY, mode=0o755)], BELOW.reader)
    assert changes(tree) == (["/", "/now"], [])


@pytest.mark.parametrize("field", [{"mode": 0o4755}, {"uid": 7}, {"mtime_ns": 9}, {"xattrs": (("user.a", b"1"),)}])
def test_metadata_is_a_change(field: dict[str, object]) -> None:
    entries = {**BELOW.entries, RootPath("/etc/b"): replace(BELOW.entries[RootPath("/etc/b")], **field)}  # type: ignore[arg-type]
    assert changes(Rootfs.by_path(entries, BELOW.reader)) == (["/", "/etc", "/etc/b"], [])


def test_all_names_of_a_written_file_are_written() -> None:
    below = Rootfs.of([*BELOW.entries.values(), replace(linked("/l1", 7), links=1)], BELOW.reader)
    # The upper layer copied the file, with the same content, and gave it another name.
    tree = Rootfs.of([*BELOW.entries.values(), linked("/l1", 9), linked("/l2", 9)], BELOW.reader)
    assert changes(tree, below) == (["/", "/l1", "/l2"], [])


def test_one_of_two_names_is_gone() -> None:
    below = Rootfs.of([*BELOW.entries.values(), linked("/l1", 7), linked("/l2", 7)], BELOW.reader)
    tree = Rootfs.of([*BELOW.entries.values(), linked("/l1", 7)], BELOW.reader)
    assert changes(tree, below) == (["/"], ["/l2"])


def with_entries(*entries: Entry) -> Rootfs:
    return Rootfs.of([*BELOW.entries.values(), *entries], BELOW.reader)


def test_copies_that_become_one_file_are_written() -> None:
    below = with_entries(replace(linked("/l1", 7), links=1), replace(linked("/l2", 8), links=1))
    assert changes(with_entries(linked("/l1", 9), linked("/l2", 9)), below) == (["/", "/l1", "/l2"], [])


def test_one_file_that_becomes_copies_is_written() -> None:
    below = with_entries(linked("/l1", 7), linked("/l2", 7))
    tree = with_entries(replace(linked("/l1", 8), links=1), replace(linked("/l2", 9), links=1))
    assert changes(tree, below) == (["/", "/l1", "/l2"], [])


def test_a_name_that_becomes_a_copy_is_not_linked_to_the_lower_layer() -> None:
    below = with_entries(linked("/l1", 7), linked("/l2", 7))
    assert changes(with_entries(linked("/l1", 7), replace(linked("/l2", 9), links=1)), below) == (["/", "/l1", "/l2"], [])


def test_a_name_that_becomes_another_file_leaves_the_others_where_they_are() -> None:
    below = with_entries(*(replace(linked(path, 7), links=3) for path in ("/l1", "/l2", "/l3")))
    tree = with_entries(*(replace(linked(path, 7), links=3) for path in ("/l1", "/l2")), replace(linked("/l3", 9, size=5), links=1))
    assert changes(tree, below) == (["/", "/l3"], [])


def test_names_that_change_partners_are_written() -> None:
    below = with_entries(linked("/l1", 7), linked("/l2", 7), linked("/l3", 8), linked("/l4", 8))
    tree = with_entries(linked("/l1", 5), linked("/l2", 6), linked("/l3", 5), linked("/l4", 6))
    assert changes(tree, below) == (["/", "/l1", "/l2", "/l3", "/l4"], [])


def merged(staying: int) -> dict[str, object]:
    config = {"author": "ann", "config": {"Cmd": ["x"]}, "rootfs": {"type": "layers", "diff_ids": ["a", "b", "c"]}, "unknown": 1}
    history = [{"created_by": "1"}, {"created_by": "ENV", "empty_layer": True}, {"created_by": "2"}, {"created_by": "3"}]
    document: dict[str, object] = json.loads(make_merged_config(config, history, ["a", "m"][-staying - 1 :], staying, "2026-01-01T00:00:00Z"))
    return document


def test_the_configuration_stays_and_the_history_has_a_step_for_each_layer() -> None:
    document = merged(1)
    assert (document["author"], document["config"], document["unknown"]) == ("ann", {"Cmd": ["x"]}, 1)
    steps: list[dict[str, object]] = document["history"]  # type: ignore[assignment]
    assert [(one["created_by"], one.get("empty_layer", False)) for one in steps] == [
        ("1", False), ("ENV", True), ("2", True), ("3", True), ("docker slim squash: 2 layers", False),
    ]
    assert document["rootfs"] == {"type": "layers", "diff_ids": ["a", "m"]}


def test_all_layers_merged() -> None:
    steps: list[dict[str, object]] = merged(0)["history"]  # type: ignore[assignment]
    assert [one.get("empty_layer", False) for one in steps] == [True, True, True, True, False]
