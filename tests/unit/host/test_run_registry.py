"""The state directory is its owner's alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_slim_plugin.host.run_registry import make_private, new_run, register


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    old = os.umask(0o022)
    yield
    os.umask(old)


def test_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "local" / "state"))
    run = new_run()
    register(run)
    folder = tmp_path / "local" / "state" / "docker-slim"
    assert [mode(path) for path in (folder.parent, folder, folder / "runs", folder / "runs" / run)] == [0o755, 0o700, 0o700, 0o600]


@pytest.mark.parametrize(("before", "after"), [(0o755, 0o700), (0o777, 0o700), (0o555, 0o500), (0o700, 0o700)])
def test_an_existing_one(tmp_path: Path, before: int, after: int) -> None:
    folder = tmp_path / "docker-slim"
    folder.mkdir()
    folder.chmod(before)
    make_private(folder)
    assert mode(folder) == after


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_that_of_another_user_stays(tmp_path: Path) -> None:
    folder = tmp_path / "docker-slim"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    make_private(folder)
    assert mode(folder) == 0o755


def test_where_a_symlink_leads_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "docker-slim").symlink_to("shared")
    make_private(tmp_path / "docker-slim")
    assert mode(tmp_path / "shared") == 0o755
