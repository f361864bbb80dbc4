"""The efficiency of an image and the bytes that it wastes, as dive defines them (github.com/wagoodman/dive).

Each layer is a tree of the names in its tar. What counts are the leaves of each tree: files, and directories in which
the layer has nothing. A leaf counts for its path with its size: the size in the tar, so 0 for directories, symlinks and
hard links. A whiteout counts for the path that it deletes: with 0 if that is a file, with the sizes of all below it if
it is a directory. The directory is looked up in the stack of the layers below.

- Paths that are leaves of two or more layers are wasteful. The sum of all their sizes is the wasted bytes.
- For each path, the smallest of its sizes is needed. The efficiency is the sum of these, divided by the sum of all
  sizes.

dive's stack knows no opaque directories, and keeps what is below a directory that becomes a file. There is one
difference: dive ends the reading of a layer at a whiteout of nothing. Here it counts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from docker_slim_plugin.xray.layer_tar import RESERVED, WHITEOUT, Member


@dataclass(frozen=True, slots=True)
class Waste:
    """A path that two or more layers have."""

    path: str
    layers: int
    """Number of times that layers write or delete it."""
    size: int
    """Bytes of all of them together."""


class _Node:
    """A name in a tree."""

    __slots__ = ("children", "is_directory", "size", "total", "turn")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.size = 0
        self.is_directory = False
        self.total = 0
        """Bytes of all below and itself, computed in layer number `turn`."""
        self.turn = -1


class _Leaf:
    """What is known of one path."""

    __slots__ = ("count", "least", "size")

    def __init__(self) -> None:
        self.count = 0
        self.least = 0
        self.size = 0

    def add(self, size: int) -> None:
        self.least = min(self.least, size) if self.count else size
        self.count += 1
        self.size += size


class Efficiency:
    """Collects the layers of an image, lowest first."""

    def __init__(self) -> None:
        self._leaves: dict[str, _Leaf] = {}
        self._stack = _Node()
        self._turn = 0
        self.upper_size = 0
        """Bytes in the headers of all layers but the lowest."""

    def add(self, members: Iterable[Member]) -> None:
        """Add a layer."""
        members = list(members)
        tree = _tree(members)
        if self._turn == 0:
            # dive begins with a copy of the lowest layer, whiteouts included, and then puts that layer on it.
            self._stack = _tree(members)
        else:
            self.upper_size += sum(member.stored for member in members)
        for path, node in _leaves(tree):
            directory, _, name = path.rpartition("/")
            if not name.startswith(WHITEOUT):
                self._leaves.setdefault(path, _Leaf()).add(node.size)
                continue
            deleted = f"{directory}/{name[len(WHITEOUT) :]}"
            below = _find(self._stack, deleted)
            if below is not None:
                size = self._total(below) if below.is_directory else 0
                self._leaves.setdefault(deleted, _Leaf()).add(size)
        _graft(self._stack, tree)
        self._turn += 1

    def _total(self, top: _Node) -> int:
        """Return the bytes of all below `top`, and of itself. Each node is added up once in a layer."""
        pending = [(top, False)]
        while pending:
            node, is_ready = pending.pop()
            if is_ready:
                node.total = node.size + sum(child.total for child in node.children.values())
                node.turn = self._turn
            elif node.turn != self._turn:
                pending.append((node, True))
                pending.extend((child, False) for child in node.children.values())
        return top.total

    def score(self) -> float:
        """Return the efficiency, from 0 to 1."""
        everything = sum(leaf.size for leaf in self._leaves.values())
        return sum(leaf.least for leaf in self._leaves.values()) / everything if everything else 1.0

    def waste(self) -> list[Waste]:
        """Return the paths that two or more layers have, largest first."""
        found = [Waste(path, leaf.count, leaf.size) for path, leaf in self._leaves.items() if leaf.count > 1]
        return sorted(found, key=lambda one: (-one.size, one.path))


def _tree(members: Iterable[Member]) -> _Node:
    root = _Node()
    known: dict[str, _Node | None] = {"": root}
    for member in members:
        directory, _, name = member.path.rpartition("/")
        if directory not in known:
            known[directory] = _made(root, directory[1:].split("/"))
        parent = known[directory]
        node = _made(parent, [name]) if parent is not None else None
        if node is not None:
            node.size, node.is_directory = member.stored, member.is_directory
    return root


def _made(node: _Node, names: Iterable[str]) -> _Node | None:
    """Return the node at a path below `node`, which is made if it does not exist; None if its name is reserved."""
    for name in names:
        below = node.children.get(name)
        if below is None:
            if name.startswith(RESERVED):
                return None
            below = node.children[name] = _Node()
        node = below
    return node


def _leaves(tree: _Node) -> Iterator[tuple[str, _Node]]:
    pending = [("", tree)]
    while pending:
        path, node = pending.pop()
        if node.children:
            pending.extend((f"{path}/{name}", child) for name, child in node.children.items())
        elif node is not tree:
            yield path, node


def _find(tree: _Node, path: str) -> _Node | None:
    node: _Node | None = tree
    for name in filter(None, path.split("/")):
        node = node.children.get(name) if node is not None else None
    return None if node is tree else node


def _graft(stack: _Node, tree: _Node) -> None:
    """Put a layer on the stack. Names of one directory are in order: a whiteout stands before most others."""
    pending = [(stack, tree)]
    while pending:
        below, above = pending.pop()
        for name in sorted(above.children):
            node = above.children[name]
            if name.startswith(WHITEOUT) and not node.children:
                below.children.pop(name[len(WHITEOUT) :], None)
                continue
            target = below.children.get(name)
            if target is None:
                target = below.children[name] = _Node()
            target.size, target.is_directory = node.size, node.is_directory
            pending.append((target, node))
