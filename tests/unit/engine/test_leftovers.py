"""The objects that prune removes, and those that it keeps; the engine is a fake that records the removals."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from docker_slim_plugin.engine import leftovers, tag_locks
from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.engine.labels import LABEL
from docker_slim_plugin.engine.leftovers import Leftovers, prune
from docker_slim_plugin.errors import Interrupted, SlimError
from docker_slim_plugin.host import run_registry
from docker_slim_plugin.host.run_registry import is_alive, new_run, process_identity
from docker_slim_plugin.host.workspace import workspace

TOKEN = "0123456789abcdef"
DEAD = f"{2**22 + 1}-77-{TOKEN}"
STRANGE = f"{2**22 + 1}-77-{TOKEN[::-1]}"
"""A run that is dead and not registered."""
OURS = new_run()


class FakeEngine:
    """A fake engine with given objects, which records removals."""

    def __init__(self, containers: list[dict[str, Any]], images: list[dict[str, Any]]) -> None:
        self._found = containers, images
        self.removed: list[str] = []
        self.stuck: dict[str, int] = {}
        """How many more times the removal of each object fails."""

    def owned_objects(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return self._found

    def dangling_images(self) -> list[dict[str, Any]]:
        theirs = [run for run in (DEAD, OURS, STRANGE) if f"nameless of {run}" not in self.removed]
        return [{"Id": f"nameless of {run}", "Labels": {LABEL: run}} for run in theirs]

    def remove(self, name: str) -> None:
        if name in self.stuck:
            self.stuck[name] -= 1
            if self.stuck[name] >= 0:
                raise SlimError(f"{name} is in use")
        self.removed.append(name)
        containers, images = self._found
        self._found = (
            [one for one in containers if one["Id"] != name],
            [{"RepoTags": [tag for tag in one["RepoTags"] or () if tag != name]} for one in images],
        )

    untag = remove

    def container_by_id(self, identity: str) -> SimpleNamespace:
        return SimpleNamespace(remove=lambda: self.remove(identity))


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(tag_locks, "LOCK_DIRECTORY", tmp_path / "claims")
    monkeypatch.setattr(leftovers, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(leftovers, "_PAUSE", 0.0)
    for run in (DEAD, OURS):
        run_registry.register(run)
    return tmp_path / "tmp"


def prune_with(
    monkeypatch: pytest.MonkeyPatch,
    containers: dict[str, str] | None = None,
    names: tuple[str, ...] = (),
    stuck: dict[str, int] | None = None,
) -> tuple[Leftovers, list[str]]:
    engine = FakeEngine(
        [{"Id": identity, "Labels": {LABEL: run}} for identity, run in (containers or {}).items()],
        [{"RepoTags": list(names)}, {"RepoTags": None}],
    )
    engine.stuck = stuck or {}
    return prune(cast("Engine", engine)), engine.removed


def test_a_zombie_is_not_alive() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        run = f"{process_identity(process.pid)}-{TOKEN}"
        assert is_alive(run)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(run)


def test_is_alive() -> None:
    assert is_alive(OURS)
    assert not is_alive(DEAD)
    assert not is_alive(f"{os.getpid()}-1-{TOKEN}")  # the pid is used again, by another process
    assert not any(map(is_alive, ("", "x-1", "-1", f"{os.getpid()}", f"{os.getpid()}-{TOKEN}")))


def test_containers_and_images_of_dead_runs_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    names = (f"docker-slim-run:{DEAD}-layered", f"docker-slim-run:{OURS}-squashed")
    found, removed = prune_with(monkeypatch, {"dead": DEAD, "live": OURS}, names)
    images = [names[0], f"nameless of {DEAD}"]
    assert removed == ["dead", *images]
    assert (found.containers, found.images, found.failures) == (["dead"], images, [])


def test_objects_of_unregistered_runs_are_listed_and_stay(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """An image may have our label with any value, and so may its containers."""
    (place / f"docker-slim-{STRANGE}-x1").mkdir()
    found, removed = prune_with(monkeypatch, {"theirs": STRANGE, "more": "1-1"}, (f"docker-slim-run:{STRANGE}-x", "docker-slim-run:mine"))
    assert removed == [f"nameless of {DEAD}"]
    assert found.unknown == [
        "container theirs",
        "container more",
        f"image docker-slim-run:{STRANGE}-x",
        "image docker-slim-run:mine",
        f"image nameless of {STRANGE}",
        f"directory {place}/docker-slim-{STRANGE}-x1",
    ]


def test_a_failed_removal_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "MAX_SECONDS", 0.0)
    name = f"docker-slim-run:{DEAD}-layered"
    found, removed = prune_with(monkeypatch, {"first": DEAD, "second": DEAD}, (name,), {"first": 99})
    assert removed == ["second", name, f"nameless of {DEAD}"]
    assert found.failures == ["first: first is in use"]


def test_a_failed_removal_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    found, removed = prune_with(monkeypatch, {"first": DEAD}, (), {"first": 2})
    assert removed == [f"nameless of {DEAD}", "first"]
    assert found.failures == []


def test_a_killed_run_stays_registered_for_a_while(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    record = place.parent / "state" / "docker-slim" / "runs" / DEAD
    assert record.stat().st_mode & 0o777 == 0o600
    prune_with(monkeypatch)
    assert record.exists()
    os.utime(record, (0, 0))
    prune_with(monkeypatch)
    assert not record.exists()
    assert run_registry.registered_runs() == (OURS,)


def test_directories_of_dead_runs_are_removed(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    gone = place / f"docker-slim-{DEAD}-x1"
    (gone / "below").mkdir(parents=True)
    other = place / "docker-slim-notes"
    other.mkdir()
    link = place / f"docker-slim-{DEAD}-link"
    link.symlink_to(other)
    with workspace(OURS) as live:
        assert prune_with(monkeypatch)[0].files == [str(gone)]
        assert live.is_dir()
    assert sorted(path.name for path in place.iterdir()) == sorted([other.name, link.name])


def test_directories_of_another_user_stay(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    theirs = place / f"docker-slim-{DEAD}-x1"
    theirs.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert prune_with(monkeypatch)[0].files == []
    assert theirs.is_dir()


def test_a_workspace_is_private_and_removed_afterwards() -> None:
    with workspace(OURS) as directory:
        assert directory.stat().st_mode & 0o777 == 0o700
    assert not directory.exists()


@pytest.mark.parametrize("name", ["mkdir", "rmtree"])
def test_a_workspace_is_removed_when_a_request_to_stop_comes_meanwhile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    module = {"mkdir": os, "rmtree": shutil}[name]
    real = getattr(module, name)

    def interrupted(*arguments: Any, **named: Any) -> None:
        monkeypatch.setattr(module, name, real)
        if name == "mkdir":
            real(*arguments, **named)
        raise Interrupted("now")

    monkeypatch.setattr(module, name, interrupted)
    with pytest.raises(Interrupted), workspace(OURS) as directory:
        (directory / "file").write_text("x")
    assert list(place.iterdir()) == []
