"""Squarified treemaps: Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000).

Rows are laid along the shorter side of what is left. A row takes the next size as long as that does not make its worst
aspect ratio worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle."""

    x: int
    y: int
    width: int
    height: int


EMPTY = Box(0, 0, 0, 0)


def squarify(sizes: Sequence[int], width: int, height: int) -> list[Box]:
    """Return a box for each size; together they tile width times height, each with its share of the area.

    The sizes are the largest first. A size of 0 gets an empty box. Edges are rounded, so that neighbours touch.
    """
    positive = [size for size in sizes if size > 0]
    scale = width * height / sum(positive) if positive else 0.0
    areas = [size * scale for size in positive]
    boxes: list[Box] = []
    left, top, right, bottom = 0.0, 0.0, float(width), float(height)
    start = 0
    while start < len(areas):
        side = min(right - left, bottom - top)
        end, row = start + 1, areas[start]
        while end < len(areas) and _worst(areas[start], areas[end], row + areas[end], side) <= _worst(
            areas[start], areas[end - 1], row, side
        ):
            row += areas[end]
            end += 1
        is_column = right - left >= bottom - top
        # The last row fills what is left: there is no error of rounding to be seen.
        depth = (right - left if is_column else bottom - top) if end == len(areas) else row / side if side else 0.0
        along = 0.0
        for area in areas[start:end]:
            step = along + side * area / row if row else along
            if is_column:
                boxes.append(_rounded(left, top + along, left + depth, top + step))
            else:
                boxes.append(_rounded(left + along, top, left + step, top + depth))
            along = step
        left, top = (left + depth, top) if is_column else (left, top + depth)
        start = end
    return boxes + [EMPTY] * (len(sizes) - len(positive))


def _worst(largest: float, smallest: float, row: float, side: float) -> float:
    """Return the worst aspect ratio in a row of this area."""
    if not (row and smallest and side):
        return float("inf")
    return max(side * side * largest / (row * row), row * row / (side * side * smallest))


def _rounded(left: float, top: float, right: float, bottom: float) -> Box:
    x, y = round(left), round(top)
    return Box(x, y, round(right) - x, round(bottom) - y)
