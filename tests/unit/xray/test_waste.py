"""Efficiency and wasted bytes. The figures are computed by hand from dive's definition, which waste.py repeats."""

from __future__ import annotations

import io
import time

import pytest

from docker_slim_plugin.xray.layers import Layers, read_layers
from docker_slim_plugin.xray.waste import Waste
from tests.layers import STACK, layer


def read(*tars: bytes) -> Layers:
    return read_layers([io.BytesIO(one) for one in tars], listed=False)


def test_by_hand() -> None:
    """Path by path, (sizes): needed.

    /dir/a (100, 60): 60. /dir/b (50): 50. /file (10): 10. /gone (30, 0): 0. /same (20, 20): 20. /link (0), /hard (0): 0.
    /sub/x (7, 1): 1. /sub (7, a whiteout): 7. /opaque/1 (40, 8): 8. /opaque/2 (5): 5. /turns/y (9): 9. /turns (3): 3.
    /dir (60 + 50, a whiteout): 110.
    """
    found = read(*STACK)
    assert found.waste == (
        Waste("/dir/a", 2, 160),
        Waste("/opaque/1", 2, 48),
        Waste("/same", 2, 40),
        Waste("/gone", 2, 30),
        Waste("/sub/x", 2, 8),
    )
    assert found.wasted == 160 + 48 + 40 + 30 + 8
    needed = 60 + 50 + 10 + 0 + 20 + 1 + 7 + 8 + 5 + 9 + 3 + 110
    assert found.efficiency == needed / (160 + 50 + 10 + 30 + 40 + 8 + 7 + 48 + 5 + 9 + 3 + 110)
    assert found.upper_size == 60 + 20 + 8 + 3 + 1
    assert found.user_wasted == found.wasted / 92


def test_one_layer_wastes_nothing() -> None:
    found = read(STACK[0])
    assert (found.efficiency, found.wasted, found.user_wasted, found.waste) == (1.0, 0, 0.0, ())


def test_a_directory_is_a_leaf_where_a_layer_has_nothing_in_it() -> None:
    found = read(layer({"d/": "", "d/x": b"1"}), layer({"d/": ""}), layer({"d/": ""}))
    assert found.waste == (Waste("/d", 2, 0),)


def test_a_directory_that_is_deleted_twice() -> None:
    tree = {"d/": "", "d/x": b"1234", "d/e/": "", "d/e/y": b"5678"}
    found = read(layer(tree), layer({".wh.d": b""}), layer(tree), layer({".wh.d": b""}))
    assert found.waste == (Waste("/d", 2, 16), Waste("/d/e/y", 2, 8), Waste("/d/x", 2, 8))
    # Needed: 8 of the whiteouts, 4 of each file.
    assert found.efficiency == 16 / 32


def test_a_directory_without_an_entry_of_its_own_counts_as_no_directory() -> None:
    found = read(layer({"d/x": b"1234"}), layer({".wh.d": b""}))
    assert (found.efficiency, found.waste) == (1.0, ())
    assert found.layers[1].deleted.size == 4


def test_a_whiteout_of_nothing_counts_nothing() -> None:
    """dive ends the reading of the layer there: what comes behind it in the order of names would be hidden."""
    found = read(layer({"x": b"1" * 10}), layer({".wh.none": b"", "x": b"2" * 10}))
    assert found.waste == (Waste("/x", 2, 20),)
    found = read(layer({".wh.none": b"", "x": b"1"}))
    assert (found.efficiency, found.wasted) == (1.0, 0)


def test_a_hard_link_has_no_size() -> None:
    found = read(layer({"a": b"1" * 10, "b": "= a"}), layer({"a": b"1" * 10, "b": "= a"}))
    assert found.waste == (Waste("/a", 2, 20), Waste("/b", 2, 0))


@pytest.mark.parametrize("names", ["deep", "wide"])
def test_whiteouts_of_nested_directories_take_linear_time(names: str) -> None:
    """Each of them asks for the sum of all below."""
    deep = [("d/" * depth) for depth in range(1, 400)]
    tree: dict[str, bytes | str] = dict.fromkeys(deep, "") | {f"{deep[-1]}{index}": b"1" for index in range(5000)}
    whiteouts = {f"{name}.wh.d": b"" for name in ["", *deep[:-1]]} if names == "deep" else {f"{deep[-1]}.wh.{index}": b"" for index in range(5000)}
    tars = [layer(tree), layer(whiteouts), layer(whiteouts)]
    begun = time.process_time()
    read(*tars)
    assert time.process_time() - begun < 15
