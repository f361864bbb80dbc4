"""What each layer of an image adds, changes and deletes, from the headers of the layers' tars. Runs in the sandbox.

Directories are not counted. A file that a layer has again counts as changed, whatever has changed of it: all of it is
stored again. Hard links count once, for the first name in the tar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from docker_slim_plugin.xray.layer_tar import OPAQUE, RESERVED, WHITEOUT, LayerReader, Member
from docker_slim_plugin.xray.waste import Efficiency, Waste

MAX_LISTED = 100_000
"""Most paths of each list; their number and their bytes are always complete."""


class State(StrEnum):
    """What a layer does with a path."""

    ADDED = "added"
    CHANGED = "changed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class LayerChange:
    """What one layer does with one path that is not a directory."""

    path: str
    state: State
    size: int
    """Bytes in this layer; 0 if it is deleted."""
    before: int
    """Bytes in the layers below, which stay there; 0 if it is added."""


@dataclass(frozen=True, slots=True)
class Sum:
    """How many paths, and how many bytes."""

    files: int
    size: int


@dataclass(frozen=True, slots=True)
class LayerContent:
    """One layer."""

    size: int
    """Bytes of its files and of the targets of its symlinks."""
    added: Sum
    changed: Sum
    deleted: Sum
    """With the bytes in the layers below."""
    changes: tuple[LayerChange, ...]
    """Sorted by path; empty if they are not wanted."""
    omitted: int
    """Number of changes that are not in `changes`."""


@dataclass(frozen=True, slots=True)
class Layers:
    """All layers, lowest first, and what they waste together."""

    layers: tuple[LayerContent, ...]
    efficiency: float
    wasted: int
    """Bytes."""
    upper_size: int
    """Bytes of the regular files above the lowest layer: dive's user bytes."""
    waste: tuple[Waste, ...]
    """The paths that are wasted, largest first."""
    omitted: int
    """Number of paths that are not in `waste`."""

    @property
    def user_wasted(self) -> float:
        """The wasted bytes as a part of the bytes above the lowest layer; 0 if there are none."""
        return self.wasted / self.upper_size if self.upper_size else 0.0


def read_layers(files: Sequence[BinaryIO], *, listed: bool) -> Layers:
    """Return what the layers do; `files` are their uncompressed tars. `listed`: with the paths of each layer."""
    reader, stack, efficiency = LayerReader(), _Stack(), Efficiency()
    layers: list[LayerContent] = []
    left = MAX_LISTED
    for file in files:
        members = list(reader.read(file))
        efficiency.add(members)
        content = _layer(stack.apply(members), left if listed else 0)
        left -= len(content.changes)
        layers.append(content)
    waste = efficiency.waste()
    return Layers(
        layers=tuple(layers),
        efficiency=efficiency.score(),
        wasted=sum(one.size for one in waste),
        upper_size=efficiency.upper_size,
        waste=tuple(waste[:MAX_LISTED]),
        omitted=max(len(waste) - MAX_LISTED, 0),
    )


def _layer(changes: Sequence[LayerChange], most: int) -> LayerContent:
    by_state: dict[State, list[LayerChange]] = {state: [] for state in State}
    for change in changes:
        by_state[change.state].append(change)
    added, changed, deleted = by_state[State.ADDED], by_state[State.CHANGED], by_state[State.DELETED]
    return LayerContent(
        size=sum(change.size for change in changes),
        added=Sum(len(added), sum(change.size for change in added)),
        changed=Sum(len(changed), sum(change.size for change in changed)),
        deleted=Sum(len(deleted), sum(change.before for change in deleted)),
        changes=tuple(sorted(changes, key=lambda one: one.path)[:most]),
        omitted=max(len(changes) - most, 0),
    )


class _Node:
    """A name in the stack of layers."""

    __slots__ = ("children", "size")

    def __init__(self, size: int = 0, *, is_directory: bool = True) -> None:
        self.children: dict[str, _Node] | None = {} if is_directory else None
        self.size = size


class _Stack:
    """The files of an image after some of its layers."""

    def __init__(self) -> None:
        self._root = _Node()

    def apply(self, members: Iterable[Member]) -> list[LayerChange]:
        """Put a layer on the stack, and return what it does. Whiteouts concern only the layers below."""
        entries: list[Member] = []
        gone: dict[str, int] = {}
        for member in members:
            directory, _, name = member.path.rpartition("/")
            if name == OPAQUE:
                self._clear(directory, gone)
            elif name.startswith(RESERVED):
                continue
            elif name.startswith(WHITEOUT):
                self._remove(directory, name[len(WHITEOUT) :], gone)
            else:
                entries.append(member)
        written: dict[str, int] = {}
        for member in entries:
            self._write(member, written, gone)
        found = [
            LayerChange(path, State.CHANGED, size, gone.pop(path))
            if path in gone
            else LayerChange(path, State.ADDED, size, 0)
            for path, size in written.items()
        ]
        return found + [LayerChange(path, State.DELETED, 0, size) for path, size in gone.items()]

    def _clear(self, directory: str, gone: dict[str, int]) -> None:
        node = self._find(directory)
        if node is not None and node.children:
            gone.update(_files(directory, node))
            node.children = {}

    def _remove(self, directory: str, name: str, gone: dict[str, int]) -> None:
        parent = self._find(directory)
        if parent is not None and parent.children and name in parent.children:
            gone.update(_files(f"{directory}/{name}", parent.children.pop(name)))

    def _find(self, path: str) -> _Node | None:
        node: _Node | None = self._root
        for name in filter(None, path.split("/")):
            node = node.children.get(name) if node is not None and node.children else None
        return node

    def _write(self, member: Member, written: dict[str, int], gone: dict[str, int]) -> None:
        *parents, name = member.path[1:].split("/")
        node, here = self._root, ""
        for parent in parents:
            here = f"{here}/{parent}"
            node = _directory(node, parent, here, written, gone)
        if member.is_directory:
            _directory(node, name, member.path, written, gone)
            return
        assert node.children is not None
        before = node.children.get(name)
        if before is not None:
            # What the same tar has had before counts for nothing.
            gone.update((path, size) for path, size in _files(member.path, before) if written.pop(path, None) is None)
        node.children[name] = _Node(member.size, is_directory=False)
        written[member.path] = member.size


def _directory(parent: _Node, name: str, path: str, written: dict[str, int], gone: dict[str, int]) -> _Node:
    """Return the directory `name`, which is made if it does not exist or is a file."""
    assert parent.children is not None
    node = parent.children.get(name)
    if node is not None and node.children is not None:
        return node
    if node is not None and written.pop(path, None) is None:
        gone[path] = node.size
    node = parent.children[name] = _Node()
    return node


def _files(path: str, top: _Node) -> Iterator[tuple[str, int]]:
    """Yield path and size of all below `top` that is not a directory, itself included."""
    pending = [(path, top)]
    while pending:
        here, node = pending.pop()
        if node.children is None:
            yield here, node.size
        else:
            pending.extend((f"{here}/{name}", child) for name, child in node.children.items())
