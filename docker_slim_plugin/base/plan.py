"""Compute the tree of a base image: what is dropped, by kind, and what stays as it is."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docker_slim_plugin.base.file_kinds import FileKind, KindMatcher, Rule, make_dpkg_exclusions
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.plan import FilePlan, Group, KeptEntry, Reason, ReasonKind
from docker_slim_plugin.resolve.packages.ownership import Packages, package_name
from docker_slim_plugin.rootfs.index import Rootfs

CONFIGURATION = RootPath("/etc/dpkg/dpkg.cfg.d")
FILE = "docker-slim"
MAN_SECTIONS = frozenset(f"/usr/share/man/man{number}" for number in range(1, 10))
"""These stay, even if empty: maintainer scripts put links of alternatives there."""
DOCUMENTS = "/usr/share/doc"
ZONES = "/usr/share/zoneinfo"
_STAYS = Reason(ReasonKind.KEEP, "base", "the image has it")
_WRITTEN = Reason(ReasonKind.GENERATED, "base", "what later installs leave out")


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedKind:
    """Number and bytes of the dropped files of one kind."""

    kind: FileKind
    files: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BasePlan:
    """What stays of an image, and what is dropped."""

    plan: FilePlan
    dropped: tuple[DroppedKind, ...]
    """One for each requested kind, also if nothing was dropped."""

    @property
    def size(self) -> int:
        """Bytes of the files that stay."""
        return total_size(kept.entry for kept in self.plan.kept)


def make_base_plan(rootfs: Rootfs, rules: Sequence[Rule], config: Mapping[str, Any]) -> BasePlan:
    """Apply the rules to the image with the configuration `config`, and return what stays."""
    removed = find_removable(rootfs, rules, config)
    kept = {path: KeptEntry(entry=entry, reasons=(_STAYS,), group=Group.BASE) for path, entry in rootfs.entries.items()}
    for path in removed:
        del kept[path]
    warnings = _add_exclusions(rootfs, kept, make_dpkg_exclusions(rules))
    files = [entry for entry in rootfs.entries.values() if entry.kind is not EntryKind.DIRECTORY]
    dropped = []
    for kind in dict.fromkeys(rule.kind for rule in rules):
        entries = [rootfs.entries[path] for path, one in removed.items() if one is kind]
        number = sum(entry.kind is not EntryKind.DIRECTORY for entry in entries)
        dropped.append(DroppedKind(kind=kind, files=number, size=total_size(entries)))
    plan = FilePlan(
        kept=tuple(kept[path] for path in sorted(kept)),
        total_files=len(files),
        total_bytes=total_size(files),
        warnings=warnings,
    )
    return BasePlan(plan=plan, dropped=tuple(dropped))


def find_removable(rootfs: Rootfs, rules: Sequence[Rule], config: Mapping[str, Any]) -> dict[RootPath, FileKind]:
    """Return every path to drop, with its kind."""
    matcher = KindMatcher(rules)
    kinds = {path: kind for path in rootfs.entries if (kind := matcher(path)) is not None}
    files = {path for path in kinds if rootfs.entries[path].kind is not EntryKind.DIRECTORY}
    kept_links = [
        path for path, entry in rootfs.entries.items() if entry.kind is EntryKind.SYMLINK and matcher.is_kept(path)
    ]
    removed = files - _follow_links(rootfs, [*kept_links, *find_used_zones(config)])
    # The documents of a package may be a symlink to the directory of another one, which has the copyright file.
    links = {path for path in removed if posixpath.dirname(path) == DOCUMENTS and _is_directory(rootfs, path)}
    directories = _find_emptied(rootfs, kinds, removed - links)
    removed = {path for path in removed if path not in links or rootfs.walk(path).end in directories}
    return {path: kinds[path] for path in sorted(removed | directories)}


def find_used_zones(config: Mapping[str, Any]) -> list[str]:
    """Return the paths of the time zones that the image uses."""
    environment = dict(variable.partition("=")[::2] for variable in config.get("Env") or ())
    zone = environment.get("TZ", "").removeprefix(":")
    return ["/etc/localtime", *([posixpath.join(ZONES, zone)] if zone else [])]


def _follow_links(rootfs: Rootfs, paths: Iterable[str]) -> set[RootPath]:
    walks = [rootfs.walk(path) for path in paths]
    return {path for walk in walks for path in (*walk.links, walk.end) if path is not None}


def _is_directory(rootfs: Rootfs, path: RootPath) -> bool:
    found = rootfs.find(path)
    return found is not None and found.kind is EntryKind.DIRECTORY


def _find_emptied(rootfs: Rootfs, kinds: Mapping[RootPath, FileKind], removed: Collection[RootPath]) -> set[RootPath]:
    """Return the directories to drop because nothing is left in them."""
    found: set[RootPath] = set()
    for path in sorted(kinds, reverse=True):
        if (
            rootfs.entries[path].kind is EntryKind.DIRECTORY
            and kinds[path].removes_directories
            and path not in MAN_SECTIONS
        ):
            inside = (RootPath(f"{path}/{name}") for name in rootfs.children.get(path, ()))
            if all(one in removed or one in found for one in inside):
                found.add(path)
    return found


def _add_exclusions(rootfs: Rootfs, kept: dict[RootPath, KeptEntry], text: str) -> tuple[str, ...]:
    """Add dpkg's configuration to the kept entries. Returns a warning if that is not possible."""
    if not text:
        return ()
    directory = rootfs.walk(CONFIGURATION).end
    if directory is None:
        above = rootfs.walk(posixpath.dirname(CONFIGURATION)).end
        if above is None or rootfs.entries[above].kind is not EntryKind.DIRECTORY:
            return (f"{CONFIGURATION} does not exist: later installs will include documentation",)
        directory = RootPath(f"{above}/{posixpath.basename(CONFIGURATION)}")
        made = Entry(path=directory, kind=EntryKind.DIRECTORY, mode=0o755, mtime_ns=rootfs.entries[above].mtime_ns)
        kept[directory] = KeptEntry(entry=made, reasons=(_WRITTEN,), group=Group.BASE)
    path, directory_entry = RootPath(f"{directory}/{FILE}"), kept[directory].entry
    existing = rootfs.entries.get(path)
    if directory_entry.kind is not EntryKind.DIRECTORY or (
        existing is not None and existing.kind is EntryKind.DIRECTORY
    ):
        return (f"{path} cannot be written: later installs will include documentation",)
    content = text.encode()
    entry = Entry(path=path, kind=EntryKind.FILE, mode=0o644, size=len(content), mtime_ns=directory_entry.mtime_ns)
    kept[path] = KeptEntry(entry=entry, reasons=(_WRITTEN,), group=Group.BASE, content=content)
    return ()


def total_size(entries: Iterable[Entry]) -> int:
    """Return the bytes of files. Hard-linked files count once."""
    return sum({(entry.inode, "") if entry.inode else (0, entry.path): entry.size for entry in entries}.values())


def package_sizes(plan: FilePlan, packages: Packages) -> dict[str, int]:
    """Return the bytes of the kept files of each package."""
    found: dict[str, int] = {}
    for kept in plan.kept:
        owner = package_name(packages.owners.get(kept.entry.path, ""))
        found[owner] = found.get(owner, 0) + kept.entry.size
    return found
