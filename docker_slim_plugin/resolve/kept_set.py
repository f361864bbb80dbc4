"""What is kept so far, and why; the fixpoint's memory.

The one mutable thing of this floor: needs go in, in any number and order of rounds, and each path comes out once as
fresh. Reasons are bounded, so that a library of a thousand programs does not drag a thousand reasons along.
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
    """A path that something asks for, symlinks in it not yet resolved."""

    path: str
    reason: Reason
    link: bool = False
    """The path is named as it stands: if it is a symlink, that itself is needed, and not only as a way."""
    root: str = "/"
    """Where absolute symlinks begin: the root of a process that has been chrooted."""


def _sort_key(need: Need) -> tuple[str, str, Need]:
    return need.path, need.root, need


class KeptSet:
    """The kept paths with their reasons; nothing in `dropped` ever gets in."""

    def __init__(self, rootfs: Rootfs, dropped: Container[RootPath] = ()) -> None:
        self.rootfs = rootfs
        self.dropped = dropped
        self.reasons: dict[RootPath, dict[Reason, None]] = {}
        self._new: list[RootPath] = []

    def add(self, needs: Iterable[Need]) -> None:
        """Keep what each need leads to and every symlink on the way, even if it leads nowhere.

        What the image does not have is passed over.
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
        """Keep exactly `path`, a path of the image."""
        if path in self.dropped:
            return
        reasons = self.reasons.get(path)
        if reasons is None:
            self.reasons[path] = {reason: None}
            self._new.append(path)
        elif reason not in reasons and (same_kind := sum(other.kind is reason.kind for other in reasons)) < MAX_REASONS:
            reasons[reason] = None
            # A reason of another kind may make more of the file than its being there.
            if not same_kind:
                self._new.append(path)

    def take_new(self) -> list[RootPath]:
        """Return the paths that came in since the last call, or got a reason of a new kind, sorted."""
        new, self._new = sorted(set(self._new)), []
        return new

    @property
    def has_new(self) -> bool:
        return bool(self._new)

    def capped_reasons(self, path: RootPath) -> tuple[Reason, ...]:
        """Return up to MAX_REASONS reasons for `path`, sorted, at least one of each kind that fits."""
        ordered = sorted(self.reasons[path])
        first_of_kind = list({reason.kind: reason for reason in reversed(ordered)}.values())[::-1]
        chosen = dict.fromkeys([*first_of_kind, *ordered])
        return tuple(sorted(list(chosen)[:MAX_REASONS]))
