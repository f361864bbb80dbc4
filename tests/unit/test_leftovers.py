"""What is removed, and what is left alone; the engine is a record of what it was asked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest

from docker_slim_plugin import leftovers
from docker_slim_plugin.engine import LABEL, Engine, run_identity
from docker_slim_plugin.leftovers import alive, prune
from docker_slim_plugin.workspace import workspace

DEAD = f"{2**22 + 1}-77"
OURS = run_identity(os.getpid())


class Recorder:
    """An engine that has what the test says, and remembers what was removed."""

    def __init__(self, containers: list[dict[str, Any]], images: list[dict[str, Any]]) -> None:
        self._found = containers, images
        self.removed: list[str] = []

    def ours(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return self._found

    def nameless(self) -> list[dict[str, Any]]:
        return [{"Id": f"nameless of {run}", "Labels": {LABEL: run}} for run in (DEAD, OURS)]

    def unname(self, reference: str) -> None:
        self.removed.append(reference)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def pruned(
    monkeypatch: pytest.MonkeyPatch, containers: dict[str, str] | None = None, names: tuple[str, ...] = ()
) -> tuple[leftovers.Leftovers, list[str]]:
    engine = Recorder(
        [{"Id": identity, "Labels": {LABEL: run}} for identity, run in (containers or {}).items()],
        [{"RepoTags": list(names)}, {"RepoTags": None}],
    )
    monkeypatch.setattr(leftovers.Container, "remove", lambda self: engine.removed.append(self.id))
    return prune(cast("Engine", engine)), engine.removed


def test_one_that_has_ended_and_is_not_waited_for_is_gone() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        run = run_identity(process.pid)
        assert alive(run)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not alive(run)


def test_who_is_alive() -> None:
    assert alive(OURS)
    assert not alive(DEAD)
    assert not alive(f"{os.getpid()}-1")  # the pid is used again, by another process
    assert not any(map(alive, ("", "x-1", "-1", f"{os.getpid()}")))


def test_containers_and_images_of_dead_runs_go(monkeypatch: pytest.MonkeyPatch) -> None:
    names = (f"docker-slim-run:{DEAD}-layered", f"docker-slim-run:{OURS}-squashed")
    found, removed = pruned(monkeypatch, {"dead": DEAD, "live": OURS}, names)
    images = (names[0], f"nameless of {DEAD}")
    assert removed == ["dead", *images]
    assert (found.containers, found.images) == (("dead",), images)


def test_directories_of_dead_runs_go(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    gone = place / f"docker-slim-{DEAD}-x1"
    (gone / "below").mkdir(parents=True)
    other = place / "docker-slim-notes"
    other.mkdir()
    link = place / f"docker-slim-{DEAD}-link"
    link.symlink_to(other)
    with workspace(OURS) as live:
        assert pruned(monkeypatch)[0].files == (str(gone),)
        assert live.is_dir()
    assert sorted(path.name for path in place.iterdir()) == sorted([other.name, link.name])


def test_directories_of_somebody_else_stay(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    theirs = place / f"docker-slim-{DEAD}-x1"
    theirs.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert pruned(monkeypatch)[0].files == ()
    assert theirs.is_dir()


def test_a_workspace_is_its_owner_s_alone_and_gone_afterwards() -> None:
    with workspace(OURS) as directory:
        assert directory.stat().st_mode & 0o777 == 0o700
    assert not directory.exists()
