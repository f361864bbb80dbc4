"""The layout of a treemap: areas are the sizes, and the boxes tile the space."""

from __future__ import annotations

import random

import pytest

from docker_slim_plugin.report.page.squarify import EMPTY, Box, squarify


def test_the_example_of_the_paper() -> None:
    """6, 6, 4, 3, 2, 2, 1 in a space of 6 to 4: figure 4 of Bruls and others."""
    boxes = squarify([6, 6, 4, 3, 2, 2, 1], 600, 400)
    assert boxes[:4] == [Box(0, 0, 300, 200), Box(0, 200, 300, 200), Box(300, 0, 171, 233), Box(471, 0, 129, 233)]
    assert boxes[4:] == [Box(300, 233, 120, 167), Box(420, 233, 120, 167), Box(540, 233, 60, 167)]


@pytest.mark.parametrize("seed", range(8))
def test_boxes_tile_the_space(seed: int) -> None:
    chance = random.Random(seed)
    sizes = sorted((chance.randrange(1, 10 ** chance.randrange(1, 7)) for _ in range(chance.randrange(1, 60))), reverse=True)
    boxes = squarify(sizes, 400, 250)
    cells = [0] * (400 * 250)
    for box in boxes:
        for y in range(box.y, box.y + box.height):
            for x in range(box.x, box.x + box.width):
                cells[y * 400 + x] += 1
    assert set(cells) == {1}


def test_areas_are_the_sizes() -> None:
    sizes = [900, 500, 500, 200, 90, 40, 7]
    for size, box in zip(sizes, squarify(sizes, 16_000, 10_000), strict=True):
        assert box.width * box.height == pytest.approx(160_000_000 * size / sum(sizes), rel=0.01)


def test_boxes_are_nearly_square() -> None:
    boxes = squarify([10] * 100, 16_000, 10_000)
    assert max(max(box.width / box.height, box.height / box.width) for box in boxes) < 2.5


@pytest.mark.parametrize(("sizes", "boxes"), [([], []), ([0, 0], [EMPTY, EMPTY]), ([5], [Box(0, 0, 9, 7)]), ([5, 0], [Box(0, 0, 9, 7), EMPTY])])
def test_little(sizes: list[int], boxes: list[Box]) -> None:
    assert squarify(sizes, 9, 7) == boxes


def test_sizes_of_any_magnitude() -> None:
    boxes = squarify([1 << 60, 1 << 40, 3, 1, 1], 16_000, 10_000)
    assert all(0 <= box.x <= box.x + box.width <= 16_000 and 0 <= box.y <= box.y + box.height <= 10_000 for box in boxes)
