"""Draw a treemap: the boxes of a node's descendants, as far as there is room for them.

The page's script draws in the same way when the user goes into a directory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from docker_slim_plugin.report.page.squarify import Box
from docker_slim_plugin.report.page.tree import HEIGHT, STATES, WIDTH, Node

HEADER, EDGE = 16, 2
"""Space for the name above what is in a directory, and around it."""
MIN_WIDTH, MIN_HEIGHT, MIN_SIDE = 44, 34, 2
"""The smallest directory whose content is drawn, and the smallest box at all."""
LETTER = 7
"""Width of a letter of a label."""


class Shape(NamedTuple):
    """A box."""

    box: Box
    kind: str
    """kept, generated, dropped, or directory: a frame around others."""
    label: str
    """What fits of its name."""
    node: Node
    path: str


def draw(node: Node, box: Box, path: str = "") -> Iterator[Shape]:
    """Yield the boxes of all that is in a node, each before what it contains."""
    for child in node.children:
        place = _mapped(child.box, box)
        if min(place.width, place.height) < MIN_SIDE:
            continue
        full = f"{path}/{child.name}" if path or not child.name.startswith("/") else child.name
        label = _label(child.name, place)
        if child.children and place.width >= MIN_WIDTH and place.height >= MIN_HEIGHT:
            yield Shape(place, "directory", label, child, full)
            inner = Box(place.x + EDGE, place.y + HEADER, place.width - 2 * EDGE, place.height - HEADER - EDGE)
            yield from draw(child, inner, full)
        elif child.children:
            yield from _split(child, place, label, full)
        else:
            yield Shape(place, str(child.state), label, child, full)


def _split(node: Node, place: Box, label: str, path: str) -> Iterator[Shape]:
    """Yield a directory without its content: the share of each state, one above the other, the largest on top."""
    shares = sorted(zip(node.sizes, STATES, strict=True), key=lambda share: -share[0])
    top, done = place.y, 0
    for size, state in shares:
        done += size
        bottom = place.y + round(place.height * done / max(node.size, 1))
        if bottom > top:
            yield Shape(Box(place.x, top, place.width, bottom - top), str(state), label, node, path)
            label, top = "", bottom


def _mapped(inner: Box, outer: Box) -> Box:
    x = outer.x + round(inner.x * outer.width / WIDTH)
    y = outer.y + round(inner.y * outer.height / HEIGHT)
    right = outer.x + round((inner.x + inner.width) * outer.width / WIDTH)
    bottom = outer.y + round((inner.y + inner.height) * outer.height / HEIGHT)
    return Box(x, y, right - x, bottom - y)


def _label(name: str, place: Box) -> str:
    room = (place.width - 6) // LETTER
    if place.height < HEADER - 2 or room < 3:
        return ""
    return name if len(name) <= room else f"{name[: room - 1]}…"
