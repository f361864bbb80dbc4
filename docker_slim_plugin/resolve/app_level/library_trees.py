"""Libraries that are directories with a manifest: R packages and Erlang applications. One that was used is whole.

What it depends on is read in its manifest, as text: `Depends` and `Imports` of an R package's DESCRIPTION,
`applications` of an Erlang application's .app file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, FileRule, Kept, child

MAX_MANIFEST = 256 << 10


class TreeKind(NamedTuple):
    """How the libraries of one language lie, and how their manifests name others."""

    part: str
    """A part of the path of each file of such a library."""
    path: re.Pattern[str]
    """Matches a file of a library: its place, and its directory."""
    name: re.Pattern[str]
    """Matches the name of a library in that of its directory."""
    manifest: str
    """Path of the manifest in the directory, with the library's name for {}."""
    others: re.Pattern[str]
    """Matches the part of a manifest that names other libraries."""
    word: re.Pattern[str]
    """Matches one name of a library in that part."""
    left_out: frozenset[str]
    """Directories of a library that no program loads."""


KINDS = (
    TreeKind(
        "library/",
        re.compile(r"(.*/R/(?:site-)?library)/([A-Za-z][\w.]*)/"),
        re.compile(r"([\w.]+)"),
        "DESCRIPTION",
        re.compile(r"^(?:Depends|Imports):(.*(?:\n[ \t].*)*)", re.MULTILINE),
        re.compile(r"(?:^|,)\s*+([A-Za-z][\w.]*+)"),
        frozenset({"help", "html", "doc", "demo", "tests", "include", "po"}),
    ),
    TreeKind(
        "/ebin/",
        re.compile(r"(.*)/([a-z]\w*-\d[\w.]*)/ebin/"),
        re.compile(r"([a-z]\w*)-"),
        "ebin/{}.app",
        re.compile(r"\{\s*+(?:included_)?applications\s*+,\s*+\[([^]]*+)"),
        re.compile(r"([a-z]\w*+)"),
        frozenset({"src", "include", "doc", "examples", "man"}),
    ),
)


class LibraryTrees(FileRule):
    """The rule."""

    def __init__(self, facts: AppFacts) -> None:
        super().__init__(facts)
        self._places: dict[TreeKind, dict[str, dict[str, RootPath]]] = {kind: {} for kind in KINDS}
        """The directory of each library by name, for each place of a kind."""
        self._done: set[RootPath] = set()

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[RootPath] = []
        for path in self.new_files(kept, *(kind.part for kind in KINDS)):
            for kind in KINDS:
                if kind.part in path and (match := kind.path.match(path)):
                    self._read_place(kind, match[1])
                    found += self._whole(kind, RootPath(f"{match[1]}/{match[2]}"))
        return found

    def _read_place(self, kind: TreeKind, place: str) -> None:
        if place not in self._places[kind]:
            names = self.facts.rootfs.children.get(RootPath(place), ())
            matches = ((kind.name.match(name), name) for name in names)
            self._places[kind][place] = {match[1]: child(place, name) for match, name in matches if match}

    def _whole(self, kind: TreeKind, directory: RootPath) -> Iterator[RootPath]:
        pending = [directory]
        while pending:
            directory = pending.pop()
            if directory in self._done:
                continue
            self._done.add(directory)
            for name in self.facts.rootfs.children.get(directory, ()):
                if name not in kind.left_out:
                    yield from self.facts.files_below(child(directory, name))
            for name in self._named(kind, directory):
                pending += (found for libraries in self._places[kind].values() if (found := libraries.get(name)))

    def _named(self, kind: TreeKind, directory: RootPath) -> Iterator[str]:
        match = kind.name.match(directory.rpartition("/")[2])
        manifest = kind.manifest.format(match[1]) if match else ""
        text = self.facts.rootfs.text(f"{directory}/{manifest}", MAX_MANIFEST)
        for part in kind.others.findall(text):
            yield from kind.word.findall(part)
