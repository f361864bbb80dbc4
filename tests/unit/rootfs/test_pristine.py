"""The corrections of the tree for files that the engine has created."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.rootfs.pristine import engine_corrections


def entry(path: str, kind: EntryKind = EntryKind.DIRECTORY) -> Entry:
    return Entry(path=RootPath(path), kind=kind, mode=0o700, uid=9, gid=9, mtime_ns=9)


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Path, Path]:
    """Return two layers on disk, the upper one first: /etc is in the lower one, /srv in both."""
    upper, lower = tmp_path / "upper", tmp_path / "lower"
    for directory in (upper / "srv", lower / "srv", lower / "etc"):
        directory.mkdir(parents=True)
    (lower / "etc").chmod(0o711)
    os.utime(lower / "etc", ns=(0, 1_500_000_007))
    os.utime(upper / "srv", ns=(0, 2_000_000_000))
    os.utime(lower / "srv", ns=(0, 1_000_000_000))
    for layer in (upper, lower):
        os.utime(layer, ns=(0, 3_000_000_000))
    return upper, lower


def tree(
    entries: Sequence[Entry], changes: dict[str, int], *layers: Path
) -> tuple[dict[str, tuple[int, int]], tuple[str, ...]]:
    """Return {path: (mode, mtime_ns)} and the warnings."""
    corrections, warnings = engine_corrections(entries, layers, changes)
    return {str(one.path): (one.mode, one.mtime_ns) for one in corrections.apply({one.path: one for one in entries}).values()}, warnings


def test_what_docker_added_is_not_the_image_s(layers: tuple[Path, Path]) -> None:
    entries = [entry(path) for path in ("/", "/dev", "/dev/console", "/added", "/added/below", "/added2")]
    found, warnings = tree(entries, {"/dev/console": 1, "/added": 1}, *layers)
    assert set(found) == {"/", "/dev", "/added2"}
    assert warnings == ()


def test_a_directory_that_docker_touched_has_its_own_time_and_mode(layers: tuple[Path, Path]) -> None:
    found, _ = tree([entry("/"), entry("/etc"), entry("/srv")], {"/etc": 0, "/srv": 0}, *layers)
    assert found["/etc"] == (0o711, 1_500_000_007)
    assert found["/srv"][1] == 2_000_000_000  # the upper layer's
    assert found["/"][1] == 3_000_000_000


def test_a_directory_that_only_the_engine_made_is_left_out(layers: tuple[Path, Path]) -> None:
    found, _ = tree([entry("/"), entry("/mnt")], {"/mnt": 0}, *layers)
    assert set(found) == {"/"}


def test_a_symlink_in_a_layer_is_not_followed(layers: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (layers[0] / "opt").symlink_to(tmp_path / "outside")
    found, _ = tree([entry("/"), entry("/opt")], {"/opt": 0}, *layers)
    assert set(found) == {"/"}


def test_where_the_engine_shows_no_layers_that_is_said() -> None:
    found, warnings = tree([entry("/"), entry("/etc")], {"/etc": 0})
    assert found["/etc"] == (0o700, 9)
    assert [text.split(":")[0] for text in warnings] == [
        "cannot determine the modification time of /etc in the image",
        "cannot determine the modification time of / in the image",
    ]


def test_a_file_that_was_changed_is_none_of_this(layers: tuple[Path, Path]) -> None:
    found, warnings = tree([entry("/"), entry("/etc/hosts", EntryKind.FILE)], {"/etc/hosts": 0}, *layers)
    assert found["/etc/hosts"] == (0o700, 9)
    assert warnings == ()
