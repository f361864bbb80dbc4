"""The tree of what is kept and left out: exact sums, of a bounded size."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from docker_slim_plugin.report.changes import NO_PACKAGE, Change, State
from docker_slim_plugin.report.page.drawing import draw
from docker_slim_plugin.report.page.squarify import Box
from docker_slim_plugin.report.page.tree import (
    HEIGHT,
    MAX_DEPTH,
    MAX_NODES,
    STATES,
    WIDTH,
    Node,
    by_directory,
    by_package,
)


def change(path: str, state: State = State.KEPT, size: int = 1, package: str = "") -> Change:
    is_in = state is not State.DROPPED
    return Change(path, state, size if is_in else 0, package, "app" if is_in else "", size)


CHANGES = [
    change("/usr/bin/a", size=60, package="p"),
    change("/usr/bin/b", State.DROPPED, 30, "p"),
    change("/usr/lib/c", State.DROPPED, 100, "q"),
    change("/var/status", State.GENERATED, 10),
    change("/empty", size=0),
]


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


def shown(node: Node, depth: int = 0) -> list[str]:
    own = f"{'  ' * depth}{node.name} {node.sizes} {node.files} {node.state or '-'}"
    return [own, *(line for child in node.children for line in shown(child, depth + 1))]


def test_directories() -> None:
    assert shown(by_directory(CHANGES)) == [
        "/ (60, 10, 130) 5 -",
        "  usr (60, 0, 130) 3 -",
        "    lib (0, 0, 100) 1 -",
        "      c (0, 0, 100) 1 dropped",
        "    bin (60, 0, 30) 2 -",
        "      a (60, 0, 0) 1 kept",
        "      b (0, 0, 30) 1 dropped",
        "  var (0, 10, 0) 1 -",
        "    status (0, 10, 0) 1 generated",
        "  1 smaller (0, 0, 0) 1 kept",
    ]


def test_packages() -> None:
    root = by_package(CHANGES)
    assert [(one.name, one.size) for one in root.children] == [("q", 100), ("p", 90), (NO_PACKAGE, 10)]
    assert [one.name for one in root.children[1].children] == ["/usr/bin/a", "/usr/bin/b"]


@pytest.mark.parametrize("make", [by_directory, by_package])
def test_a_large_image_gives_a_small_tree_with_the_same_sums(make) -> None:
    changes = [change(f"/d{number % 300}/e{number % 7}/f{number}", STATES[number % 3], number % 1000, f"p{number % 90}") for number in range(12_000)]
    root = make(changes)
    found = list(nodes(root))
    assert len(found) <= 4 * MAX_NODES
    assert sum(not one.is_sum for one in found) == MAX_NODES
    assert root.sizes == tuple(sum(number % 1000 for number in range(12_000) if number % 3 == place) for place in range(3))
    assert root.files == 12_000
    for one in found:
        if one.children:
            assert one.sizes == tuple(sum(child.sizes[place] for child in one.children) for place in range(3))
            assert one.files == sum(child.files for child in one.children)
        else:
            assert [number for number, state in zip(one.sizes, STATES, strict=True) if state is not one.state] == [0, 0]


def test_what_is_deep_is_summed_up() -> None:
    root = by_directory([change("/" + "a/" * 1900 + "f", size=7), change("/b", size=3)])
    found = list(nodes(root))
    assert len(found) == MAX_DEPTH + 3
    assert (root.size, found[MAX_DEPTH + 1].name, found[MAX_DEPTH + 1].size) == (10, "1 small", 7)


def test_a_path_that_is_a_directory_elsewhere() -> None:
    root = by_directory([change("/a", State.DROPPED, 5), change("/a/b", size=7)])
    assert [(one.name, one.size, one.state) for one in root.children] == [("a", 7, None), ("a", 5, State.DROPPED)]


def test_children_lie_within_their_parent() -> None:
    for one in nodes(by_directory(CHANGES)):
        assert one.box.x + one.box.width <= WIDTH
        assert one.box.y + one.box.height <= HEIGHT


def test_nothing() -> None:
    assert by_directory([]).children == ()


def test_a_drawing() -> None:
    shapes = list(draw(by_directory(CHANGES), Box(0, 0, 960, 600)))
    assert [(shape.path, shape.kind) for shape in shapes] == [
        ("/usr", "directory"), ("/usr/lib", "directory"), ("/usr/lib/c", "dropped"), ("/usr/bin", "directory"),
        ("/usr/bin/a", "kept"), ("/usr/bin/b", "dropped"), ("/var", "directory"), ("/var/status", "generated"),
    ]  # fmt: skip
    assert all(shape.box.x + shape.box.width <= 960 and shape.box.y + shape.box.height <= 600 for shape in shapes)


def test_a_directory_that_is_too_small_shows_its_shares() -> None:
    root = by_directory([change("/big", size=10_000), change("/d/a", size=60), change("/d/b", State.DROPPED, 40)])
    (large, *small) = draw(root, Box(0, 0, 960, 600))
    assert large.kind == "kept"
    assert [(shape.kind, shape.path) for shape in small] == [("kept", "/d"), ("dropped", "/d")]
    assert small[0].box.height / small[1].box.height == pytest.approx(1.5, rel=0.05)


def test_labels_fit() -> None:
    root = by_directory([change("/" + "n" * 300, size=9), change("/short", size=9)])
    assert [len(shape.label) * 7 <= shape.box.width for shape in draw(root, Box(0, 0, 960, 600))] == [True, True]
