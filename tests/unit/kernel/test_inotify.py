"""inotify events from the real kernel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_slim_plugin.kernel.inotify import (
    IN_CLOEXEC,
    IN_NONBLOCK,
    IN_ONLYDIR,
    IN_OPEN,
    events,
    inotify_add_watch,
    inotify_init1,
)


@pytest.fixture
def instance() -> Iterator[int]:
    descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)
    yield descriptor
    os.close(descriptor)


def test_names_of_every_length_and_any_bytes(instance: int, tmp_path: Path) -> None:
    watch = inotify_add_watch(instance, str(tmp_path), IN_OPEN | IN_ONLYDIR)
    names = [b"a" * length for length in (1, 15, 16, 255)] + [b"\xff\n"]
    for name in names:
        os.close(os.open(os.fsencode(tmp_path) + b"/" + name, os.O_CREAT | os.O_RDONLY))
    assert list(events(os.read(instance, 1 << 16))) == [(watch, IN_OPEN, name) for name in names]
    with pytest.raises(BlockingIOError):
        os.read(instance, 1 << 16)


def test_a_file_is_no_directory(instance: int, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        inotify_add_watch(instance, str(tmp_path / "file"), IN_OPEN | IN_ONLYDIR)
