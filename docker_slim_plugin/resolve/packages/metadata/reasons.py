"""Why metadata is kept: for its own sake, or because something only came by."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from docker_slim_plugin.model.plan import Reason, ReasonKind

PACKAGES = Reason(ReasonKind.HINT, "pkgdb", "package database")
FILTERED = Reason(ReasonKind.GENERATED, "pkgdb", "only packages that own a kept file")
CUT = Reason(ReasonKind.GENERATED, "pkgdb", "only files that are kept")
_BY_A_RUN = frozenset({ReasonKind.ACCESS, ReasonKind.REPAIR})
_GIVEN = frozenset({ReasonKind.DIRECTORY, ReasonKind.SYMLINK})
NONE: frozenset[ReasonKind] = frozenset()


def is_read(reasons: Iterable[Reason]) -> bool:
    """Tell whether the run has opened the file, or the user wants it: then it is to be as it was."""
    return any(
        reason.kind is ReasonKind.KEEP or (reason.kind in _BY_A_RUN and reason.detail.startswith("open"))
        for reason in reasons
    )


def is_wanted(reasons: Iterable[Reason], but: Collection[ReasonKind] = NONE) -> bool:
    """Tell whether anybody wants the file for more than its name; reasons of the kinds in `but` do not count.

    A slim image that was tried and went wrong without it wants it, whatever it did with it.
    """
    return any(
        reason.kind not in but
        and reason.kind not in _GIVEN
        and not (reason.kind is ReasonKind.ACCESS and not reason.detail.startswith(("open", "exec")))
        and not (reason.kind is ReasonKind.HINT and reason.by == "listed")
        for reason in reasons
    )
