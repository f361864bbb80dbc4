"""Add busybox and links for its applets to a plan, for debugging.

The added entries form a layer group of their own. They never replace an entry that is kept from the source image.
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.plan import Busybox, FilePlan, Group, KeptEntry, Reason, ReasonKind
from docker_slim_plugin.rootfs.index import ROOT, Rootfs

PROGRAM_PATHS = ("/bin/busybox", "/.busybox/busybox")
"""Paths for the program. The first one that is free is used."""
SHELL = "/bin/sh"


class _EmptyReader:
    def open(self, path: RootPath) -> BinaryIO:  # noqa: ARG002
        return io.BytesIO()

    def open_many(self, paths: Sequence[RootPath]) -> dict[RootPath, BinaryIO]:  # noqa: ARG002
        return {}


class _Tree:
    """The tree of the plan, and the entries that are added to it."""

    def __init__(self, plan: FilePlan, busybox: Busybox) -> None:
        self.entries = {kept.entry.path: kept.entry for kept in plan.kept}
        self.added: dict[RootPath, KeptEntry] = {}
        self.busybox = busybox
        self._rootfs = Rootfs(self.entries, _EmptyReader(), {})

    def free_path(self, path: str) -> RootPath | None:
        """Return the resolved path for a new entry at `path`, and add its missing parent directories.

        None if an entry exists at that path, or if a parent is not a directory.
        """
        here = ROOT
        for part in posixpath.dirname(path).split("/")[1:]:
            if not part:
                continue
            step = RootPath(posixpath.join(here, part))
            if step not in self.entries:
                self.add(Entry(path=step, kind=EntryKind.DIRECTORY, mode=0o755), "directory")
            end = self._rootfs.walk(step).end
            if end is None or self.entries[end].kind is not EntryKind.DIRECTORY:
                return None
            here = end
        place = RootPath(posixpath.join(here, posixpath.basename(path)))
        return None if place in self.entries else place

    def is_link_to(self, path: str, end: RootPath) -> bool:
        return self._rootfs.walk(path).end == end

    def add(self, entry: Entry, what: str, content: bytes | None = None) -> None:
        entry = replace(entry, mtime_ns=self.busybox.mtime_ns)
        reason = Reason(ReasonKind.SHELL, "--shell", f"{what}, from {self.busybox.origin}")
        self.entries[entry.path] = entry
        self.added[entry.path] = KeptEntry(entry=entry, reasons=(reason,), group=Group.SHELL, content=content)


def add_shell(plan: FilePlan, busybox: Busybox | None) -> FilePlan:
    """Return the plan with busybox, and with a symlink for each applet whose path is free.

    If `busybox` is None, return the plan as it is.
    """
    if busybox is None:
        return plan
    tree = _Tree(plan, busybox)
    place = next((path_found for path in PROGRAM_PATHS if (path_found := tree.free_path(path)) is not None), None)
    if place is None:
        return replace(plan, warnings=(*plan.warnings, f"no shell was added: {' and '.join(PROGRAM_PATHS)} are taken"))
    size = len(busybox.content)
    tree.add(Entry(path=place, kind=EntryKind.FILE, mode=0o755, size=size), "busybox", busybox.content)
    taken = []
    for path in sorted({*busybox.applets, SHELL} - {place}):
        link = tree.free_path(path)
        if link is None:
            taken += [] if tree.is_link_to(path, place) else [path]
        else:
            tree.add(Entry(path=link, kind=EntryKind.SYMLINK, mode=0o777, target=place), "applet")
    kept = sorted((*plan.kept, *tree.added.values()), key=lambda one: one.entry.path)
    links = sum(one.entry.kind is EntryKind.SYMLINK for one in tree.added.values())
    note = f"shell: {place} and {links} applets from {busybox.origin}"
    if taken:
        names = ", ".join(taken[:3]) + (" ..." if taken[3:] else "")
        note += f"; {len(taken)} names are the image's own ({names})"
    return replace(plan, kept=tuple(kept), notes=(*plan.notes, note))
