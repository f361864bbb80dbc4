"""The changes in an overlay's upperdir; needs root, because whiteouts are devices."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from docker_slim_plugin.kernel.overlay_upperdir import upperdir_changes


def layers(top: Path, *trees: dict[str, str]) -> list[str]:
    """Make directories of {path: "" for a directory, "x" for a file, "-" for a whiteout, "o" for an opaque one}."""
    made = []
    for number, tree in enumerate(trees):
        layer = top / str(number)
        layer.mkdir()
        for path, what in tree.items():
            where = layer / path
            if what == "-":
                os.mknod(where, 0o020000, 0)
            elif what.startswith("->"):
                where.symlink_to(what[2:])
            elif what == "x":
                where.touch()
            else:
                where.mkdir()
                if what == "o":
                    os.setxattr(where, "trusted.overlay.opaque", b"y")
        made.append(str(layer))
    return made


@pytest.mark.parametrize(
    ("upper", "lower", "found"),
    [
        pytest.param({}, [{"a": "x"}], {}, id="nothing"),
        pytest.param({"a": "", "a/b": "x"}, [{"a": ""}], {"/a": 0, "/a/b": 1}, id="a file in a directory"),
        pytest.param({"a": "x"}, [{}, {"a": "x"}], {"/a": 0}, id="of the lowest layer"),
        pytest.param({"a": "x"}, [{"a": "-"}, {"a": "x"}], {"/a": 1}, id="deleted before"),
        pytest.param({"a": "", "a/b": "x"}, [{"a": "-"}, {"a": "", "a/b": "x"}], {"/a": 1, "/a/b": 1}, id="above, too"),
        pytest.param({"a": "", "a/b": "x"}, [{"a": "o"}, {"a": "", "a/b": "x"}], {"/a": 0, "/a/b": 1}, id="hidden before"),
        pytest.param({"a": "", "a/etc": ""}, [{"a": "->/"}], {"/a": 0, "/a/etc": 1}, id="no link is followed"),
        pytest.param({"a": "->/etc"}, [{}], {"/a": 1}, id="nor one of its own"),
        pytest.param({"a": "-"}, [{"a": "x"}], None, id="something was deleted"),
        pytest.param({"a": "o"}, [{"a": ""}], None, id="something was replaced"),
    ],
)
def test_changes(tmp_path: Path, upper: dict[str, str], lower: list[dict[str, str]], found: dict[str, int] | None) -> None:
    top, *others = layers(tmp_path, upper, *lower)
    assert upperdir_changes(top, others) == found
