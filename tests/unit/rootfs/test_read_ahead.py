"""Files that are opened in a known order."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import BinaryIO

import pytest

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.rootfs.index import MAX_OPEN
from docker_slim_plugin.rootfs.read_ahead import ReadAhead


class Recorder:
    """A Reader whose files contain their own names; "/bad" cannot be opened."""

    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self.files: list[BinaryIO] = []

    def open(self, path: RootPath) -> BinaryIO:
        self.requests.append([path])
        if path == "/bad":
            raise PermissionError(13, "no")
        self.files.append(io.BytesIO(path.encode()))
        return self.files[-1]

    def open_many(self, paths: Sequence[RootPath]) -> dict[RootPath, BinaryIO]:
        self.requests.append(list(paths))
        found: dict[RootPath, BinaryIO] = {path: io.BytesIO(path.encode()) for path in paths if path != "/bad"}
        self.files += found.values()
        return found


def paths(*names: object) -> list[RootPath]:
    return [RootPath(f"/{name}") for name in names]


def test_several_with_one_request() -> None:
    reader = Recorder()
    every = paths(*range(MAX_OPEN + 2))
    with ReadAhead(reader, every) as source:
        assert [source.open(path).read().decode() for path in every] == every
    assert [len(one) for one in reader.requests] == [MAX_OPEN, 2]


def test_files_that_are_left_out_or_opened_between() -> None:
    reader = Recorder()
    with ReadAhead(reader, paths("a", "b", "c")) as source:
        assert source.open(RootPath("/b")).read() == b"/b"
        assert source.open(RootPath("/other")).read() == b"/other"
        assert source.open(RootPath("/c")).read() == b"/c"
    assert reader.requests[0] == ["/b", "/c"]


def test_a_file_that_cannot_be_opened() -> None:
    with ReadAhead(Recorder(), paths("a", "bad", "c")) as source:
        source.open(RootPath("/a"))
        with pytest.raises(PermissionError):
            source.open(RootPath("/bad"))
        assert source.open(RootPath("/c")).read() == b"/c"


def test_all_are_closed() -> None:
    reader = Recorder()
    with ReadAhead(reader, paths("a", "b", "c")) as source:
        source.open(RootPath("/a")).close()
    assert all(file.closed for file in reader.files)
