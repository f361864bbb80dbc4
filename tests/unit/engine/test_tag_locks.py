"""Locks on image tags."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from docker_slim_plugin.engine.tag_locks import TagLock, remove_stale
from docker_slim_plugin.errors import SlimError

HOLD = "import sys, pathlib; from docker_slim_plugin.engine.tag_locks import TagLock; one = TagLock('app:slim', pathlib.Path(sys.argv[1])); print(flush=True); input()"


def test_the_second_lock_is_refused(tmp_path: Path) -> None:
    first = TagLock("app:slim", tmp_path)
    for _ in range(2):
        with pytest.raises(SlimError, match=r"cannot write to app:slim: another docker slim") as raised:
            TagLock("app:slim", tmp_path)
        assert "--tag" in raised.value.hint
    other = TagLock("app:slim-squashed", tmp_path)
    first.close()
    TagLock("app:slim", tmp_path).close()
    other.close()
    other.close()
    assert os.listdir(tmp_path) == []


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        with pytest.raises(SlimError):
            TagLock("app:slim", tmp_path)
        os.kill(process.pid, signal.SIGKILL)
    TagLock("app:slim", tmp_path).close()
    assert os.listdir(tmp_path) == []


def test_without_a_lock_directory_there_are_no_locks(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for _ in range(2):
        TagLock("app:slim", tmp_path / "file").close()
    first, second = (TagLock("app:slim", Path("/proc/none")) for _ in range(2))
    first.close()
    second.close()


def test_stale_locks_are_removed_and_held_locks_stay(tmp_path: Path) -> None:
    (tmp_path / "dead.lock").touch()
    held = TagLock("app:slim", tmp_path)
    assert remove_stale(tmp_path) == (str(tmp_path / "dead.lock"),)
    with pytest.raises(SlimError):
        TagLock("app:slim", tmp_path)
    held.close()
    assert remove_stale(tmp_path / "none") == ()
