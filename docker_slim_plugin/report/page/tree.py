"""A tree of what is kept and left out, with the layout of a treemap. Its size does not depend on that of the image.

The MAX_NODES largest files and directories are nodes. What is smaller is summed up in its directory, in one leaf for
each state. So all sums are exact, and each leaf has one state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from docker_slim_plugin.report.changes import NO_PACKAGE, Change, State
from docker_slim_plugin.report.page.squarify import EMPTY, Box, squarify

MAX_NODES = 2500
"""Files and directories of a tree. At most three leaves of sums come to each directory among them."""
MAX_DEPTH = 24
"""Levels of a tree: what is deeper is summed up."""
WIDTH, HEIGHT = 16_000, 10_000
"""Of the space in which the children of a node are laid out, whatever its own box is."""
STATES = (State.KEPT, State.GENERATED, State.DROPPED)


@dataclass(frozen=True, slots=True)
class Node:
    """A file, a directory, or the sum of several small ones."""

    name: str
    sizes: tuple[int, int, int]
    """Bytes by STATES."""
    files: int
    box: Box = EMPTY
    """Within WIDTH and HEIGHT of its parent."""
    state: State | None = None
    """None: it has children."""
    children: tuple[Node, ...] = ()
    """The largest first."""
    is_sum: bool = False
    """Whether it stands for several paths."""

    @property
    def size(self) -> int:
        return sum(self.sizes)


@dataclass(slots=True)
class _Growing:
    """A node while the paths are added."""

    name: str
    state: State | None = None
    sizes: list[int] = field(default_factory=lambda: [0, 0, 0])
    counts: list[int] = field(default_factory=lambda: [0, 0, 0])
    children: dict[tuple[bool, str], _Growing] = field(default_factory=dict)
    is_chosen: bool = False


def make_tree(name: str, changes: Iterable[Change], parts_of: Callable[[Change], Sequence[str]]) -> Node:
    """Return the tree of all changes; `parts_of` gives the names on the way to each one, its own one last."""
    root = _Growing(name)
    for change in changes:
        place = STATES.index(change.state)
        size = change.before if change.state is State.DROPPED else change.size
        parts = parts_of(change)
        here = root
        for depth, part in enumerate(parts):
            here.sizes[place] += size
            here.counts[place] += 1
            if depth == MAX_DEPTH:
                break
            is_leaf = depth == len(parts) - 1
            child = here.children.get((is_leaf, part))
            if child is None:
                child = here.children[is_leaf, part] = _Growing(part, change.state if is_leaf else None)
            here = child
        else:
            here.sizes[place] += size
            here.counts[place] += 1
    # A directory comes before what is in it, and is as large at least: it is chosen if anything in it is.
    for one in sorted(_walk(root), key=lambda one: -sum(one.sizes))[:MAX_NODES]:
        one.is_chosen = sum(one.sizes) > 0 or one is root
    return _finish(root, Box(0, 0, WIDTH, HEIGHT))


def _walk(root: _Growing) -> Iterator[_Growing]:
    pending = [root]
    while pending:
        one = pending.pop()
        yield one
        pending += one.children.values()


def _finish(one: _Growing, box: Box) -> Node:
    chosen = [child for child in one.children.values() if child.is_chosen]
    found = sorted((*((child, False) for child in chosen), *_sums(one, chosen)), key=_order)
    boxes = squarify([sum(child.sizes) for child, _ in found], WIDTH, HEIGHT)
    children = tuple(
        Node(child.name, _three(child.sizes), sum(child.counts), place, child.state, is_sum=True)
        if is_sum
        else _finish(child, place)
        for (child, is_sum), place in zip(found, boxes, strict=True)
    )
    return Node(one.name, _three(one.sizes), sum(one.counts), box, one.state, children)


def _sums(one: _Growing, chosen: list[_Growing]) -> Iterator[tuple[_Growing, bool]]:
    """Yield what stands for the paths below a directory that are no nodes, one for each state."""
    if one.state is not None:
        return
    for place, state in enumerate(STATES):
        size = one.sizes[place] - sum(child.sizes[place] for child in chosen)
        count = one.counts[place] - sum(child.counts[place] for child in chosen)
        if count:
            sizes, counts = [0, 0, 0], [0, 0, 0]
            sizes[place], counts[place] = size, count
            yield _Growing(f"{count:,} smaller" if chosen else f"{count:,} small", state, sizes, counts), True


def _order(found: tuple[_Growing, bool]) -> tuple[int, bool, str]:
    return -sum(found[0].sizes), found[1], found[0].name


def _three(sizes: list[int]) -> tuple[int, int, int]:
    return sizes[0], sizes[1], sizes[2]


def by_directory(changes: Iterable[Change]) -> Node:
    """Return the tree of the directories."""
    return make_tree("/", changes, lambda change: change.path.split("/")[1:])


def by_package(changes: Iterable[Change]) -> Node:
    """Return a tree of packages, each with its files."""
    return make_tree("packages", changes, lambda change: (change.package or NO_PACKAGE, change.path))
