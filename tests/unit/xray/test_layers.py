"""What layers add, change and delete. The figures are computed by hand from the contents of tests/layers.py."""

from __future__ import annotations

import io

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.xray import layer_tar, layers
from docker_slim_plugin.xray.layers import LayerChange, Layers, State, Sum, read_layers
from tests.layers import STACK, layer


def read(*tars: bytes, listed: bool = True) -> Layers:
    return read_layers([io.BytesIO(one) for one in tars], listed=listed)


def changes(found: Layers, number: int) -> dict[str, tuple[str, int, int]]:
    return {one.path: (one.state.value, one.size, one.before) for one in found.layers[number].changes}


def test_what_each_layer_does() -> None:
    first, second, third = read(*STACK).layers
    assert (first.size, first.added, first.changed, first.deleted) == (275, Sum(11, 275), Sum(0, 0), Sum(0, 0))
    assert (second.size, second.added, second.changed, second.deleted) == (91, Sum(1, 3), Sum(3, 88), Sum(4, 51))
    assert (third.size, third.added, third.changed, third.deleted) == (1, Sum(1, 1), Sum(0, 0), Sum(2, 110))


def test_the_paths_of_each_layer() -> None:
    found = read(*STACK)
    assert changes(found, 1) == {
        "/dir/a": ("changed", 60, 100),
        "/gone": ("deleted", 0, 30),
        "/opaque/1": ("changed", 8, 40),
        "/opaque/2": ("deleted", 0, 5),
        "/same": ("changed", 20, 20),
        "/sub/x": ("deleted", 0, 7),
        "/turns": ("added", 3, 0),
        "/turns/y": ("deleted", 0, 9),
    }
    assert changes(found, 2) == {"/dir/a": ("deleted", 0, 60), "/dir/b": ("deleted", 0, 50), "/sub/x": ("added", 1, 0)}
    assert all(not one.changes and one.omitted for one in read(*STACK, listed=False).layers)


def test_the_order_in_a_tar_does_not_matter_for_whiteouts() -> None:
    """They concern the layers below: a file of the same layer stays."""
    base = layer({"a/": "", "a/x": b"1", "b": b"22"})
    later = {"a/x": b"333", "a/.wh..wh..opq": b"", "b": b"4", ".wh.b": b"", ".wh..wh.plnk": b"99"}
    expected = {"/a/x": ("changed", 3, 1), "/b": ("changed", 1, 2)}
    assert changes(read(base, layer(later)), 1) == expected
    assert changes(read(base, layer(dict(reversed(later.items())))), 1) == expected


def test_a_name_that_a_tar_has_twice_counts_once() -> None:
    twice = layer({"a": b"1", "./a": b"22", "/d/../e": b"1", "e": b"333", "f/x": b"4", "f": b"55", "g": b"6", "g/y": b"77"})
    (one,) = read(twice).layers
    assert {change.path: change.size for change in one.changes} == {"/a": 2, "/e": 3, "/f": 2, "/g/y": 2}
    assert one.size == 9
    found = read(layer({"f/x": b"1", "g": b"1"}), twice)
    assert changes(found, 1)["/f/x"] == ("deleted", 0, 1)
    assert changes(found, 1)["/g"] == ("deleted", 0, 1)


def test_names_of_any_bytes() -> None:
    odd = ["a\nb", "\x1b[31m", "<b>", "\udcff\udcfe", "né", "…", " ", "a" * 200, "d/" * 100 + "x"]
    (one,) = read(layer(dict.fromkeys(odd, b"1"))).layers
    assert {change.path for change in one.changes} == {f"/{name}" for name in odd}
    (one,) = read(layer({"../../x": b"1", "a/../../y": b"2", "//z": b"3"})).layers
    assert {change.path for change in one.changes} == {"/x", "/y", "/z"}


def test_lists_are_cut_and_sums_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "MAX_LISTED", 12)
    found = read(*STACK)
    assert [len(one.changes) for one in found.layers] == [11, 1, 0]
    assert [one.omitted for one in found.layers] == [0, 7, 3]
    assert found.layers[1].deleted == Sum(4, 51)
    monkeypatch.setattr(layers, "MAX_LISTED", 2)
    assert [one.path for one in read(*STACK).waste] == ["/dir/a", "/opaque/1"]
    assert (read(*STACK).omitted, read(*STACK).wasted) == (3, 286)


def test_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SlimError, match="path of more than 4095 bytes"):
        read(layer({"d/" * 2048 + "x": b"1"}))
    with pytest.raises(SlimError, match="cannot read a layer"):
        read(b"no tar" * 200)
    with pytest.raises(SlimError, match="cannot read a layer"):
        read(layer({"a": b"1" * 2000})[:1500])
    monkeypatch.setattr(layer_tar, "MAX_MEMBERS", 20)
    with pytest.raises(SlimError, match="more than 20 entries"):
        read(*STACK)


def test_an_image_without_layers_or_files() -> None:
    empty = read()
    assert (empty.layers, empty.efficiency, empty.wasted, empty.user_wasted) == ((), 1.0, 0, 0.0)
    found = read(layer({}), layer({"./": ""}), layer({".wh.a": b"", "b/.wh..wh..opq": b""}))
    assert [one.size for one in found.layers] == [0, 0, 0]
    assert (found.efficiency, found.wasted) == (1.0, 0)


def test_the_record_of_a_change() -> None:
    assert LayerChange("/a", State.ADDED, 1, 0) in read(layer({"a": b"1"})).layers[0].changes
