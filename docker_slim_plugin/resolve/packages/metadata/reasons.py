"""Why metadata is kept: for its own sake, or because something only came by."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from docker_slim_plugin.model.plan import Reason, ReasonKind

PACKAGE_DATABASE = Reason(ReasonKind.HINT, "pkgdb", "package database")
FILTERED = Reason(ReasonKind.GENERATED, "pkgdb", "only packages that own a kept file")
CUT = Reason(ReasonKind.GENERATED, "pkgdb", "only files that are kept")
_RUN_REASONS = frozenset({ReasonKind.ACCESS, ReasonKind.REPAIR})
_STRUCTURE_REASONS = frozenset({ReasonKind.DIRECTORY, ReasonKind.SYMLINK})
NO_KINDS: frozenset[ReasonKind] = frozenset()


def is_read(reasons: Iterable[Reason]) -> bool:
    """Tell whether the run has opened the file, or the user wants it: then it is to be as it was."""
    return any(
        reason.kind is ReasonKind.KEEP or (reason.kind in _RUN_REASONS and reason.detail.startswith("open"))
        for reason in reasons
    )


def is_needed(reasons: Iterable[Reason], ignored: Collection[ReasonKind] = NO_KINDS) -> bool:
    """Tell whether anybody wants the file for more than its name; reasons of the kinds in `but` do not count.

    A slim image that was tried and went wrong without it wants it, whatever it did with it.
    """
    return any(
        reason.kind not in ignored
        and reason.kind not in _STRUCTURE_REASONS
        and not (reason.kind is ReasonKind.ACCESS and not reason.detail.startswith(("open", "exec")))
        and not (reason.kind is ReasonKind.HINT and reason.by == "listed")
        for reason in reasons
    )
