"""The set of kept paths with the reasons for each: the state of the fixpoint in plan.py.

It is the only mutable object that the parts of this package share. Needs may be added in any order and in any number of
rounds, and `take_new` returns each path once. The number of reasons for a path is bounded, so that a library that 1,000
programs need does not store 1,000 reasons.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable
from typing import NamedTuple

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.plan import Reason, ReasonKind
from docker_slim_plugin.rootfs.index import Rootfs

MAX_REASONS = 8


class Need(NamedTuple):
    """A path that something needs. Symlinks in it are not resolved yet."""

    path: str
    reason: Reason
    link: bool = False
    """If the path names a symlink, the symlink itself is needed, not only its target."""
    root: str = "/"
    """Root directory of the process (chroot(2)): absolute symlinks start there."""


def _sort_key(need: Need) -> tuple[str, str, Need]:
    return need.path, need.root, need


class KeptSet:
    """The kept paths with their reasons. Paths in `dropped` are never added."""

    def __init__(self, rootfs: Rootfs, dropped: Container[RootPath] = ()) -> None:
        self.rootfs = rootfs
        self.dropped = dropped
        self.reasons: dict[RootPath, dict[Reason, None]] = {}
        self._new: list[RootPath] = []

    def add(self, needs: Iterable[Need]) -> None:
        """Keep the target of each need and every symlink on the path to it, dangling ones too.

        Paths that the image does not have are ignored.
        """
        for (path, root), group in itertools.groupby(
            sorted(set(needs), key=_sort_key), key=lambda need: _sort_key(need)[:2]
        ):
            links, end = self.rootfs.walk(path, root=root)
            for link in links:
                self.keep(link, Reason(ReasonKind.SYMLINK, path, f"link to {self.rootfs.entries[link].target}"))
            for need in group:
                if end is not None:
                    self.keep(end, need.reason)
                if need.link and links and (symlink := self.rootfs.walk(path, follow=False, root=root).end):
                    self.keep(symlink, need.reason)

    def keep(self, path: RootPath, reason: Reason) -> None:
        """Keep exactly `path`, an existing path of the image."""
        if path in self.dropped:
            return
        reasons = self.reasons.get(path)
        if reasons is None:
            self.reasons[path] = {reason: None}
            self._new.append(path)
        elif reason not in reasons and (same_kind := sum(other.kind is reason.kind for other in reasons)) < MAX_REASONS:
            reasons[reason] = None
            # A reason of a new kind may mean that the dependencies of the file are needed too.
            if not same_kind:
                self._new.append(path)

    def take_new(self) -> list[RootPath]:
        """Return, sorted, the paths that are new since the last call or that have a reason of a new kind."""
        new, self._new = sorted(set(self._new)), []
        return new

    @property
    def has_new(self) -> bool:
        return bool(self._new)

    def capped_reasons(self, path: RootPath) -> tuple[Reason, ...]:
        """Return up to MAX_REASONS reasons for `path`, sorted, with one of each kind as far as possible."""
        ordered = sorted(self.reasons[path])
        first_of_kind = list({reason.kind: reason for reason in reversed(ordered)}.values())[::-1]
        chosen = dict.fromkeys([*first_of_kind, *ordered])
        return tuple(sorted(list(chosen)[:MAX_REASONS]))
