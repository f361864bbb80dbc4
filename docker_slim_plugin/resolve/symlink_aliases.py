"""Links to files of which only the kernel told, by their last name, and nobody by which name they were opened.

So it is with processes that were not followed (docker exec where its door is closed, no tracer at all): a shell that
ran /usr/bin/awk is seen to execute /usr/bin/mawk. Every link of the image that leads there is kept: links cost nothing.
Of processes that are followed the kernel tells what programs they run; without a tracer all that they open counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.observation import Access, AccessKind, Origin
from docker_slim_plugin.model.plan import Reason, ReasonKind
from docker_slim_plugin.rootfs.index import Rootfs

_NAMED_REASONS = frozenset({ReasonKind.INTERPRETER, ReasonKind.LIBRARY})
"""Who needs a program so names it: the kernel ran it on a file's behalf."""


class SymlinkAliases:
    """The files in question, and who links to them."""

    def __init__(self, rootfs: Rootfs, accesses: Collection[Access]) -> None:
        self._rootfs = rootfs
        named: set[RootPath] = set()
        unnamed: set[RootPath] = set()
        traced = any(access.origin is Origin.PTRACE for access in accesses)
        for access in accesses:
            if traced and not _is_possible_exec(access):
                continue
            end = rootfs.find(access.path)
            if end is not None and (end.is_executable or not traced):
                (named if access.origin is Origin.PTRACE else unnamed).add(end.path)
        self._unnamed = unnamed - named

    def find_links(self, reasons: dict[RootPath, dict[Reason, None]]) -> Iterator[tuple[RootPath, Reason]]:
        """Yield each link to be kept; `reasons` is what is kept so far, and why."""
        ends = {
            path for path in self._unnamed if not any(reason.kind in _NAMED_REASONS for reason in reasons.get(path, ()))
        }
        if not ends:
            return
        for end, links in self._find_links_to(ends).items():
            reason = Reason(ReasonKind.SYMLINK, end, "used by one of its names")
            yield from ((link, reason) for link in links)

    def _find_links_to(self, ends: set[RootPath]) -> dict[RootPath, list[RootPath]]:
        found: dict[RootPath, list[RootPath]] = defaultdict(list)
        for path, entry in self._rootfs.entries.items():
            if entry.kind is EntryKind.SYMLINK and (end := self._rootfs.walk(path).end) in ends and end is not None:
                found[end].append(path)
        return found


def _is_possible_exec(access: Access) -> bool:
    # inotify does not tell an exec from an open.
    return access.kind is AccessKind.EXEC or access.origin is Origin.INOTIFY
