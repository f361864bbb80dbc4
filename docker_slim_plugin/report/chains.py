"""Chains of reasons: why a path is in a slim image, from the path to what the run showed, a rule or an option."""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from docker_slim_plugin.model.entry import EntryKind
from docker_slim_plugin.model.plan import ReasonKind
from docker_slim_plugin.report.stored import StoredEntry, StoredReason

MAX_LENGTH, MAX_LINKS = 50, 40
"""Maximum number of steps of a chain, and of symlinks of a path, as in the kernel (path_resolution(7))."""
UNKNOWN = "?"
"""The process of an access by a program that had ended before its name could be read."""
_LINK = "link to "
"""Before the target of a symlink, in the detail of its reason."""
_BY_PATH = (ReasonKind.LIBRARY, ReasonKind.INTERPRETER, ReasonKind.SYMLINK)
"""Kinds of reasons that name another path of the image, which has reasons of its own."""
_ORDER = (
    ReasonKind.KEEP, ReasonKind.ACCESS, ReasonKind.CONFIG, ReasonKind.REPAIR, ReasonKind.HINT, ReasonKind.GENERATED,
    ReasonKind.SHELL, ReasonKind.BASE, *_BY_PATH, ReasonKind.DIRECTORY,
)  # fmt: skip
_WORDS: Mapping[str, str] = {
    ReasonKind.ACCESS: "used by {by}: {detail}",
    ReasonKind.LIBRARY: "needed by {by}: {detail}",
    ReasonKind.INTERPRETER: "interpreter of {by}: {detail}",
    ReasonKind.SYMLINK: "on the way to {by}: {detail}",
    ReasonKind.HINT: "kept by the rule {by}: {detail}",
    ReasonKind.KEEP: "the user's {by} {detail}",
    ReasonKind.CONFIG: "the image's configuration: {by} {detail}",
    ReasonKind.DIRECTORY: "a directory: {detail}",
    ReasonKind.REPAIR: "asked for by the slim image alone: {by}: {detail}",
    ReasonKind.SHELL: "added for debugging: {by} {detail}",
    ReasonKind.BASE: "in the base image: {by} {detail}",
    ReasonKind.GENERATED: "its content is generated: {by}: {detail}",
}


class Step(NamedTuple):
    """One step of a chain."""

    path: str
    reason: StoredReason

    def sentence(self) -> str:
        """Return the reason in words."""
        words = _WORDS.get(self.reason.Kind, "{by} {detail}")
        sentence = words.format(by=self.reason.By, detail=self.reason.Detail).rstrip(": ")
        if self.reason.During:
            sentence += f", {self.reason.Seconds:.2f} s after the start, during {self.reason.During}"
        return sentence


def find_chain(path: str, entries: Mapping[str, StoredEntry]) -> tuple[Step, ...]:
    """Return the shortest chain from a kept path to a reason that names no other path; the best one of equal length.

    Empty if it is not kept.
    """
    pending: deque[tuple[str, tuple[Step, ...]]] = deque([(path, ())])
    seen = {path}
    while pending:
        here, chain = pending.popleft()
        reasons = sorted(entries[here].Reasons, key=_rank) if here in entries and len(chain) < MAX_LENGTH else []
        leading = {one: end for one in reasons if (end := _end(here, one, entries))}
        for reason in reasons:
            # That all directories are kept says less than what a directory leads to.
            if reason not in leading and (reason.Kind != ReasonKind.DIRECTORY or not leading):
                return (*chain, Step(here, reason))
        for reason, end in leading.items():
            if end not in seen:
                seen.add(end)
                pending.append((end, (*chain, Step(here, reason))))
    # The reasons lead in a circle, or end at a path that is not kept: the best one stands for itself.
    entry = entries.get(path)
    return tuple(Step(path, reason) for reason in sorted(entry.Reasons, key=_rank)[:1]) if entry else ()


def _end(path: str, reason: StoredReason, entries: Mapping[str, StoredEntry]) -> str:
    """Return the kept path to which a reason of `path` leads; "" if it stands for itself.

    A symlink that was named itself leads to its target.
    """
    if reason.Kind not in _BY_PATH or not reason.By.startswith("/"):
        return ""
    end = resolve_links(reason.By, entries, follow=False)
    if end == path and reason.Detail.startswith(_LINK):
        target = reason.Detail.removeprefix(_LINK)
        end = resolve_links(posixpath.join(posixpath.dirname(path), target), entries, follow=False)
    return end if end != path and end in entries else ""


def resolve_links(path: str, entries: Mapping[str, StoredEntry], *, follow: bool) -> str:
    """Return a path with its symlinks resolved, as far as they are kept; the last one only with `follow`."""
    here, pending, links = "", [part for part in reversed(path.split("/")) if part not in ("", ".")], 0
    while pending:
        part = pending.pop()
        if part == "..":
            here = posixpath.dirname(here).rstrip("/")
            continue
        entry = entries.get(f"{here}/{part}")
        target = _target(entry) if entry and entry.Kind == EntryKind.SYMLINK and (pending or follow) else ""
        links += bool(target)
        if not target or links > MAX_LINKS:
            here = f"{here}/{part}"
            continue
        here = "" if target.startswith("/") else here
        pending += [one for one in reversed(target.split("/")) if one not in ("", ".")]
    return here or "/"


def _target(entry: StoredEntry) -> str:
    return next((one.Detail.removeprefix(_LINK) for one in entry.Reasons if one.Detail.startswith(_LINK)), "")


def _rank(reason: StoredReason) -> tuple[int, bool, bool, str, str]:
    """Order the reasons of a path: by kind, then what ptrace has seen first, whose process is known for certain."""
    order = next((place for place, kind in enumerate(_ORDER) if kind == reason.Kind), len(_ORDER))
    return order, reason.By == UNKNOWN, "ptrace" not in reason.Detail, reason.By, reason.Detail


def other_reasons(entry: StoredEntry, chain: tuple[Step, ...]) -> Iterator[StoredReason]:
    """Yield the reasons of an entry that its chain does not begin with."""
    first = chain[0].reason if chain else None
    return (one for one in sorted(entry.Reasons, key=_rank) if one != first)
