"""The size of layers on disk, and the size that an engine reports."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from docker_slim_plugin.engine import image_size
from docker_slim_plugin.rootfs.layer_sizes import total_layer_size


def test_files_are_added_up_layer_by_layer(tmp_path: Path) -> None:
    lower, upper, outside = tmp_path / "lower", tmp_path / "upper", tmp_path / "outside"
    for directory in (lower / "a" / "b", upper / "a", outside):
        directory.mkdir(parents=True)
    (lower / "a" / "b" / "f").write_bytes(bytes(1000))
    (lower / "g").write_bytes(bytes(300))
    os.link(lower / "g", lower / "a" / "one more name")
    (upper / "g").write_bytes(bytes(5))
    (outside / "big").write_bytes(bytes(10_000))
    os.symlink(outside, upper / "a" / "directory")
    os.symlink(outside / "big", upper / "a" / "file")
    os.mkfifo(upper / "fifo")
    assert total_layer_size([upper, lower]) == 1305 + len(f"{outside}{outside / 'big'}")


def test_layers_that_are_not_on_this_host_have_no_size(tmp_path: Path) -> None:
    assert total_layer_size([tmp_path, tmp_path / "elsewhere"]) is None


STEPS = [{"Size": 4096}, {"Size": 0}, {"Size": 8192}]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param({"Size": 5, "GraphDriver": {"Name": "overlay2", "Data": {"UpperDir": "/x"}}}, 5, id="overlay2"),
        pytest.param({"Size": 5, "GraphDriver": {"Name": "vfs", "Data": None}}, 5, id="vfs"),
        pytest.param({"Size": 5, "GraphDriver": {"Name": "overlayfs", "Data": None}}, 12288, id="containerd, 27"),
        pytest.param({"Size": 5, "Descriptor": {"digest": "x"}}, 12288, id="containerd, 29"),
    ],
)
def test_what_the_engine_says(found: dict[str, Any], said: int) -> None:
    assert image_size.reported(found, STEPS) == said


def test_an_image_that_is_not_unpacked() -> None:
    assert image_size.reported({"Size": 5, "Descriptor": {"digest": "x"}}, [{"Size": 0}]) == 5
