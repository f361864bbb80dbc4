"""The folder of a profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.profile.folder import check_folder, write_folder

FILES = {"profile.json": "{}", "run.txt": "x"}


def test_new_and_again(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    write_folder(str(folder), FILES, force=False)
    assert {one.name: one.read_text() for one in folder.iterdir()} == FILES
    with pytest.raises(SlimError, match="the folder exists"):
        check_folder(str(folder), force=False)
    write_folder(str(folder), {"run.txt": "y"}, force=True)
    assert (folder / "run.txt").read_text() == "y"


def test_foreign_folders_stay(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    check_folder(str(tmp_path / "mine"), force=False)
    (tmp_path / "mine" / "file").touch()
    with pytest.raises(SlimError, match="the folder exists"):
        check_folder(str(tmp_path / "mine"), force=True)


def test_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link", "absent/x"):
        with pytest.raises(SlimError, match="cannot write a profile"):
            check_folder(str(tmp_path / name), force=True)


def test_nothing_is_left_of_a_folder_that_cannot_be_completed(tmp_path: Path) -> None:
    with pytest.raises(SlimError, match="cannot write"):
        write_folder(str(tmp_path / "new"), {"profile.json": "{}", "absent/x": ""}, force=False)
    assert not (tmp_path / "new").exists()
