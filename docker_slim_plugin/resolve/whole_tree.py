"""From the kept files to the whole tree: directories, links to them, the package database, groups."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.plan import FilePlan, Group, Kept, Reason, ReasonKind, Selection
from docker_slim_plugin.resolve.kept_set import Ledger
from docker_slim_plugin.resolve.layer_groups import groups
from docker_slim_plugin.resolve.packages.documentation import is_documentation
from docker_slim_plugin.resolve.packages.metadata.cut import Choice, choose, contents
from docker_slim_plugin.resolve.packages.metadata.file_content import Texts
from docker_slim_plugin.resolve.packages.ownership import Packages, plain
from docker_slim_plugin.rootfs.index import Rootfs, parents

WRITTEN = ("/tmp", "/run", "/var", "/dev", "/proc", "/sys")  # noqa: S108
"""Where programs expect directories without naming them in a file."""
DIRECTORY = Reason(ReasonKind.DIRECTORY, "image", "directories stay")
LINK = Reason(ReasonKind.SYMLINK, "image", "leads to a directory")


def plan(ledger: Ledger, packages: Packages, selection: Selection, warnings: tuple[str, ...]) -> FilePlan:
    """Return the plan: what the ledger holds, and what makes a tree of it."""
    rootfs = ledger.rootfs
    texts = Texts(rootfs)
    choice = Choice() if "pkgdb" in selection.hints_off else choose(ledger, packages, texts)
    _directories(ledger, choice.gone, sparse=bool(selection.named))
    generated, said = contents(ledger, choice, texts)
    group = groups(rootfs, ledger.reasons, packages)
    database = choice.database | frozenset(packages.database)
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
    warnings = (*warnings, *choice.warnings, *said)
    return FilePlan(kept=tuple(kept), total_files=files, total_bytes=size, warnings=warnings, notes=choice.notes)


def _directories(ledger: Ledger, gone: Collection[RootPath], *, sparse: bool) -> None:
    """Keep the directories, not those in `gone`; a `sparse` tree has those on the way, and where programs write."""
    rootfs = ledger.rootfs
    for path in [path for path in ledger.reasons if path != "/"]:
        for parent in parents(path):
            if DIRECTORY in ledger.reasons.get(parent, ()):
                break
            ledger.keep(parent, DIRECTORY)
    for path, entry in rootfs.entries.items():
        if entry.kind is not EntryKind.DIRECTORY or is_documentation(path) or path in gone:
            continue
        if not sparse or path.startswith(tuple(f"{top}/" for top in WRITTEN)) or path in WRITTEN:
            ledger.keep(path, DIRECTORY)
    links = [entry.path for entry in rootfs.entries.values() if entry.kind is EntryKind.SYMLINK]
    for link in links:
        reachable = not is_documentation(link) and next(parents(link)) in ledger.reasons
        end = rootfs.find(link) if reachable else None
        if end is not None and end.kind is EntryKind.DIRECTORY and end.path in ledger.reasons:
            ledger.keep(link, LINK)


def _total(rootfs: Rootfs) -> tuple[int, int]:
    """Return the number of files in the image, and their bytes, hard links once."""
    files = [entry for entry in rootfs.entries.values() if entry.kind is not EntryKind.DIRECTORY]
    return len(files), sum({_identity(entry): entry.size for entry in files}.values())


def _identity(entry: Entry) -> tuple[int, str]:
    return (entry.inode, "") if entry.inode and entry.links > 1 else (0, entry.path)
