"""Find symlinks to files for which only the kernel reported an access, and not the name that was used.

This applies to processes that are not traced (docker exec if it cannot be followed, or no tracer at all): if a shell
runs /usr/bin/awk, fanotify reports /usr/bin/mawk. All symlinks of the image to such a file are kept, because symlinks
cost nothing. With a tracer, only the programs that these processes execute count; without one, all files that they
open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.observation import Access, AccessKind, Origin
from docker_slim_plugin.model.plan import Reason, ReasonKind
from docker_slim_plugin.rootfs.index import Rootfs

_NAMED_REASONS = frozenset({ReasonKind.INTERPRETER, ReasonKind.LIBRARY})
"""Kinds of reasons that name the program as it is: the kernel executed or mapped it for another file."""


class SymlinkAliases:
    """Files that were reported without the name that was used, and the symlinks to them."""

    def __init__(self, rootfs: Rootfs, accesses: Collection[Access]) -> None:
        self._rootfs = rootfs
        named_files: set[RootPath] = set()
        unnamed_files: set[RootPath] = set()
        has_tracer = any(access.origin is Origin.PTRACE for access in accesses)
        for access in accesses:
            if has_tracer and not _is_possible_exec(access):
                continue
            end = rootfs.find(access.path)
            if end is not None and (end.is_executable or not has_tracer):
                (named_files if access.origin is Origin.PTRACE else unnamed_files).add(end.path)
        self._unnamed_files = unnamed_files - named_files

    def find_links(self, reasons: dict[RootPath, dict[Reason, None]]) -> Iterator[tuple[RootPath, Reason]]:
        """Yield each symlink to keep. `reasons` maps the paths kept so far to their reasons."""
        ends = {
            path
            for path in self._unnamed_files
            if not any(reason.kind in _NAMED_REASONS for reason in reasons.get(path, ()))
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
    # inotify does not distinguish an exec from an open.
    return access.kind is AccessKind.EXEC or access.origin is Origin.INOTIFY
