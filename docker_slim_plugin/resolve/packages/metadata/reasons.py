"""Tell from the reasons for a metadata file whether something needs it."""

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
    """Return whether the run has opened the file or the user asked for it. Its content then stays as it is."""
    return any(
        reason.kind is ReasonKind.KEEP or (reason.kind in _RUN_REASONS and reason.detail.startswith("open"))
        for reason in reasons
    )


def is_needed(reasons: Iterable[Reason], ignored: Collection[ReasonKind] = NO_KINDS) -> bool:
    """Return whether anything needs the file itself, not only its name. Kinds in `ignored` do not count.

    If a slim image failed without the file, any access counts.
    """
    return any(
        reason.kind not in ignored
        and reason.kind not in _STRUCTURE_REASONS
        and not (reason.kind is ReasonKind.ACCESS and not reason.detail.startswith(("open", "exec")))
        and not (reason.kind is ReasonKind.HINT and reason.by == "listed")
        for reason in reasons
    )
