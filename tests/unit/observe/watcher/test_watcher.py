"""The watcher and its event sources, without a container."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.observation import Access, AccessKind, Origin
from docker_slim_plugin.observe.watcher import watcher
from docker_slim_plugin.observe.watcher.fanotify import open_file_path
from docker_slim_plugin.observe.watcher.inotify import directories
from docker_slim_plugin.observe.watcher.watcher import Watcher, open_watcher
from tests.observed import access


class FakeSource:
    """A source whose events the test writes."""

    name = "told"

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._events: list[tuple[list[Access], int]] = []
        self._lock = threading.Lock()
        self.closed = False

    def add(self, *paths: str, kind: AccessKind = AccessKind.OPEN, lost: int = 0) -> None:
        accesses = [access(path, kind, origin=Origin.FANOTIFY) for path in paths]
        with self._lock:
            self._events.append((accesses, lost))
        os.write(self._write, b".")

    def fileno(self) -> int:
        return self._read

    def read(self) -> tuple[list[Access], int]:
        with self._lock:
            if not self._events:
                return [], 0
            os.read(self._read, 1)
            return self._events.pop(0)

    def close(self) -> None:
        self.closed = True
        os.close(self._read)
        os.close(self._write)


def test_distinct_accesses_and_all_events() -> None:
    source = FakeSource()
    with Watcher(source) as seen:
        source.add("/a", "/b", "/a")
        source.add("/a", kind=AccessKind.EXEC, lost=2)
        seen.drain()
        assert [(one.path, one.kind.value) for one in seen.accesses()] == [("/a", "open"), ("/b", "open"), ("/a", "exec")]
        assert (seen.events, seen.lost) == (4, 2)
    assert source.closed


def test_only_new_accesses_change_the_time() -> None:
    source = FakeSource()
    with Watcher(source) as seen:
        source.add("/a")
        seen.drain()
        before = seen.last_new
        source.add("/a")
        seen.drain()
        assert seen.last_new == before
        source.add("/b")
        seen.drain()
        assert seen.last_new > before


def test_accesses_beyond_the_limit_are_counted_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "MAX_PATHS", 2)
    source = FakeSource()
    with Watcher(source) as seen:
        source.add("/a", "/b", "/c", "/a", "/d")
        seen.drain()
        assert (len(seen.accesses()), seen.lost) == (2, 2)


def test_a_watcher_that_is_off() -> None:
    with open_watcher(os.getpid(), "off") as seen:
        seen.drain()
    assert (seen.name, seen.accesses(), seen.events) == ("off", (), 0)


def refuse(number: int) -> type:
    class Refused:
        def __init__(self, _: int, *, directories: bool) -> None:
            del directories
            raise OSError(number, os.strerror(number))

    return Refused


def test_fanotify_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "FanotifySource", refuse(1))
    with pytest.raises(SlimError, match="cannot use fanotify: Operation not permitted"):
        open_watcher(os.getpid(), "fanotify")


def test_a_deleted_file_keeps_its_name(tmp_path: Path) -> None:
    gone, odd = tmp_path / "gone", tmp_path / "x (deleted)"
    odd.touch()
    with gone.open("w") as file, odd.open() as other:
        gone.unlink()
        assert open_file_path(file.fileno()) == str(gone)
        assert open_file_path(other.fileno()) == str(odd)


def test_inotify_finds_the_directories_of_a_tree_deeper_than_python_recurses(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        os.symlink("/", "link", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    root = os.open(tmp_path, os.O_RDONLY)
    try:
        found = [path for path, _ in directories(root)]
    finally:
        os.close(root)
        # Nor can shutil.rmtree() remove it.
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)
    assert found == ["/d" * depth for depth in range(1501)]
