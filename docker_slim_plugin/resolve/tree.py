"""From the kept files to the whole tree: directories, links to them, the package database, groups."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from docker_slim_plugin.model import (
    Entry,
    EntryKind,
    FilePlan,
    Group,
    Kept,
    Reason,
    ReasonKind,
    RootPath,
    Selection,
)
from docker_slim_plugin.resolve.groups import groups
from docker_slim_plugin.resolve.ledger import Ledger
from docker_slim_plugin.resolve.packages import Packages, plain
from docker_slim_plugin.rootfs import Rootfs, parents

DOCUMENTATION = tuple(
    f"{top}/{name}"
    for top in ("/usr/share", "/usr/local/share")
    for name in ("doc", "doc-base", "man", "info", "locale", "lintian", "gtk-doc", "help")
)
WRITTEN = ("/tmp", "/run", "/var", "/dev", "/proc", "/sys")  # noqa: S108
"""Where programs expect directories without naming them in a file."""
DIRECTORY = Reason(ReasonKind.DIRECTORY, "image", "directories stay")
LINK = Reason(ReasonKind.SYMLINK, "image", "leads to a directory")
PACKAGES = Reason(ReasonKind.HINT, "pkgdb", "package database")
FILTERED = Reason(ReasonKind.GENERATED, "pkgdb", "only packages that own a kept file")


def plan(ledger: Ledger, packages: Packages, selection: Selection, warnings: tuple[str, ...]) -> FilePlan:
    """Return the plan: what the ledger holds, and what makes a tree of it."""
    rootfs = ledger.rootfs
    generated: dict[RootPath, bytes] = {}
    if "pkgdb" not in selection.hints_off:
        generated, said = _database(ledger, packages)
        warnings += said
    _directories(ledger, sparse=bool(selection.named))
    group = groups(rootfs, ledger.reasons, packages)
    database = frozenset(packages.database)
    kept: list[Kept] = []
    for path in sorted(ledger.reasons):
        entry, content = rootfs.entries[path], generated.get(path)
        if content is not None:
            entry = replace(entry, size=len(content), inode=0, links=1)
        kept.append(
            Kept(
                entry=entry,
                reasons=ledger.bounded(path),
                group=Group.CONFIG if path in database else group[path],
                package=plain(packages.owners.get(path, "")),
                content=content,
            )
        )
    files, size = _total(rootfs)
    return FilePlan(kept=tuple(kept), total_files=files, total_bytes=size, warnings=warnings)


def is_documentation(path: str) -> bool:
    """Return whether `path` is or lies below a tree of documentation or translations."""
    return path.startswith("/usr/") and any(path == top or path.startswith(f"{top}/") for top in DOCUMENTATION)


def _directories(ledger: Ledger, *, sparse: bool) -> None:
    """Keep the directories; a `sparse` tree has those on the way to what is kept, and where programs write."""
    rootfs = ledger.rootfs
    for path in [path for path in ledger.reasons if path != "/"]:
        for parent in parents(path):
            if DIRECTORY in ledger.reasons.get(parent, ()):
                break
            ledger.keep(parent, DIRECTORY)
    for path, entry in rootfs.entries.items():
        if entry.kind is not EntryKind.DIRECTORY or is_documentation(path):
            continue
        if not sparse or path.startswith(tuple(f"{top}/" for top in WRITTEN)) or path in WRITTEN:
            ledger.keep(path, DIRECTORY)
    links = [entry.path for entry in rootfs.entries.values() if entry.kind is EntryKind.SYMLINK]
    for link in links:
        reachable = not is_documentation(link) and next(parents(link)) in ledger.reasons
        end = rootfs.find(link) if reachable else None
        if end is not None and end.kind is EntryKind.DIRECTORY and end.path in ledger.reasons:
            ledger.keep(link, LINK)


def _database(ledger: Ledger, packages: Packages) -> tuple[dict[RootPath, bytes], tuple[str, ...]]:
    """Keep the package database, and return the generated content of its file, and warnings."""
    whole = [path for path in packages.database if _is_wanted_whole(ledger, path)]
    if packages.system == "rpm" or not packages.owners or whole:
        for path in packages.database:
            ledger.keep(path, PACKAGES)
        if packages.system == "rpm":
            return {}, ("the rpm database cannot be filtered: it is kept whole and names packages that are gone",)
        return {}, ("the package database is kept whole: the run reads it, or --keep names it",) if whole else ()
    remaining = _remaining(ledger.reasons, packages)
    if packages.system == "distroless":
        for path in packages.database:
            if path.rpartition("/")[2].removesuffix(".md5sums") in remaining:
                ledger.keep(path, PACKAGES)
        return {}, ()
    path = packages.database[0]
    if path not in ledger.dropped:
        ledger.reasons[path] = {FILTERED: None}
    return {path: packages.filtered(remaining)}, ()


def _is_wanted_whole(ledger: Ledger, path: RootPath) -> bool:
    reasons = ledger.reasons.get(path, ())
    return any(
        reason.kind is ReasonKind.KEEP or (reason.kind is ReasonKind.ACCESS and reason.detail.startswith("open"))
        for reason in reasons
    )


def _remaining(kept: Collection[RootPath], packages: Packages) -> frozenset[str]:
    owners = ((path, packages.owners.get(path)) for path in kept)
    return frozenset(key for path, key in owners if key is not None and not is_documentation(path))


def _total(rootfs: Rootfs) -> tuple[int, int]:
    """Return the number of files in the image, and their bytes, hard links once."""
    files = [entry for entry in rootfs.entries.values() if entry.kind is not EntryKind.DIRECTORY]
    return len(files), sum({_identity(entry): entry.size for entry in files}.values())


def _identity(entry: Entry) -> tuple[int, str]:
    return (entry.inode, "") if entry.inode and entry.links > 1 else (0, entry.path)
