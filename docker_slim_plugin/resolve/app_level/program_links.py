"""Other names of kept programs and files: symlinks in PATH, and over /etc/alternatives. They take no bytes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, Kept, NewPaths, child
from docker_slim_plugin.resolve.packages.documentation import is_documentation

ALTERNATIVES = "/etc/alternatives/"
MAX_NAMES = 16
"""A program with more names is one for many commands (busybox): those that the run used are kept."""


class ProgramLinks:
    """The rule."""

    def __init__(self, facts: AppFacts) -> None:
        self.facts = facts
        self._new = NewPaths()

    def find(self, kept: Kept) -> Iterable[str]:
        return [link for path in self._new.of(kept) for link in self._links.get(path, ())]

    @cached_property
    def _links(self) -> dict[RootPath, list[RootPath]]:
        """The symlinks in PATH to each program, and those that update-alternatives(1) has made to each other file."""
        rootfs = self.facts.rootfs
        found: dict[RootPath, dict[RootPath, None]] = {}
        for top in dict.fromkeys(rootfs.walk(directory).end for directory in self.facts.search):
            for name in rootfs.children.get(top, ()) if top is not None else ():
                link = child(str(top), name)
                if rootfs.entries[link].kind is EntryKind.SYMLINK and (end := rootfs.find(link)) and end.is_executable:
                    found.setdefault(end.path, {})[link] = None
        for entry in rootfs.entries.values():
            if entry.kind is EntryKind.SYMLINK and entry.target.startswith(ALTERNATIVES):
                file = rootfs.find(entry.path)
                if file is not None and file.kind is EntryKind.FILE and not is_documentation(entry.path):
                    found.setdefault(file.path, {})[entry.path] = None
        return {end: list(links) for end, links in found.items() if len(links) <= MAX_NAMES}
