"""Compute the plan of the slim image from one or more runs: which paths are kept, and why.

This is a fixpoint. First the accesses of the run, the image's configuration and the user's options add paths. Each new
file adds its own dependencies (libraries, interpreters). When no file adds any more, the rules that need the whole set
are applied: presets, volumes and --keep-all-of. This repeats until nothing is new. Each round works in sorted order, so
the plan does not depend on the scheduling of the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.environment import parse_environment, search_path
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.observation import Access, AccessKind, Observations
from docker_slim_plugin.model.plan import FilePlan, Reason, ReasonKind, Selection
from docker_slim_plugin.resolve import (
    image_config,
    patterns,
    presets,
    requested_paths,
    script_interpreters,
    whole_tree,
)
from docker_slim_plugin.resolve.accessed_files import access_reason, find_accessed
from docker_slim_plugin.resolve.app_level.facts import AppFacts
from docker_slim_plugin.resolve.app_level.rules import AppLevel
from docker_slim_plugin.resolve.elf.elf_file import Elf
from docker_slim_plugin.resolve.elf.loader import Loader
from docker_slim_plugin.resolve.elf.static_needs import StaticNeeds
from docker_slim_plugin.resolve.kept_set import KeptSet, Need
from docker_slim_plugin.resolve.left_out import describe_left_out
from docker_slim_plugin.resolve.packages import ownership
from docker_slim_plugin.resolve.packages.ownership import Packages
from docker_slim_plugin.resolve.packages.package_units import PackageUnits
from docker_slim_plugin.resolve.symlink_aliases import SymlinkAliases
from docker_slim_plugin.rootfs.index import Rootfs

SYMLINK_ACCESSES = frozenset({AccessKind.READLINK, AccessKind.CHANGE})
"""Accesses to a symlink itself, not to its target."""
_RUN_REASONS = frozenset({ReasonKind.ACCESS, ReasonKind.REPAIR})
MAX_WARNINGS = 20
"""Number of warnings of one sort that are listed. The others are only counted."""


def resolve(
    rootfs: Rootfs,
    observations: Observations,
    selection: Selection,
    source: SourceImage,
    missed: Iterable[Access] = (),
) -> FilePlan:
    """Return the plan of the slim image.

    `missed` are the accesses of an earlier slim image that did not find what it needed.
    """
    database = ownership.read(rootfs)
    dropped, warnings = _find_dropped(rootfs, selection)
    kept_set = KeptSet(rootfs, dropped)
    kept_set.add(_access_needs(observations.accesses, ReasonKind.ACCESS))
    kept_set.add(_access_needs(missed, ReasonKind.REPAIR))
    kept_set.add(image_config.find_directories(rootfs, source))
    option_needs, option_warnings = _option_needs(rootfs, selection, database)
    kept_set.add(option_needs)
    requested = requested_paths.find_requested(rootfs, selection.requested, _search_path(source))
    kept_set.add(requested.needs)
    programs = frozenset(path for path in requested.targets if rootfs.entries[path].is_executable)
    accesses = (*observations.accesses, *missed)
    used_files = _UsedFiles(*(find_accessed(rootfs, accesses, {kind}) for kind in (AccessKind.EXEC, AccessKind.OPEN)))
    closure = _DependencyClosure(kept_set, source, replace(used_files, executed=used_files.executed | programs))
    static_needs = StaticNeeds(rootfs, closure.loader) if selection.requested else None
    set_needs = _SetNeeds(
        kept_set, observations, selection, source, PackageUnits(rootfs, database), static_needs, closure.loader
    )
    while True:
        closure.add_dependencies()
        before = len(kept_set.reasons)
        kept_set.add(set_needs.needs())
        if len(kept_set.reasons) == before:
            break
    warnings += [*option_warnings, *requested.warnings, *closure.warnings(), *set_needs.warnings()]
    notes: list[str] = []
    if static_needs is not None:
        static_warnings, notes = static_needs.describe(kept_set.reasons, requested.targets, selection.hints_off)
        warnings += static_warnings
    notes += set_needs.app_level.notes()
    notes += describe_left_out(rootfs, database, kept_set.reasons)
    plan = whole_tree.build_plan(kept_set, database, selection, tuple(warnings))
    return replace(plan, notes=(*notes, *plan.notes))


def _search_path(source: SourceImage) -> tuple[str, ...]:
    """Return the directories of the image's PATH."""
    return search_path(parse_environment(source.config))


def _access_needs(accesses: Iterable[Access], reason: ReasonKind) -> Iterator[Need]:
    distinct = {(access.path, access.root, access.process.argv0, access.kind, access.origin) for access in accesses}
    for path, root, argv0, kind, origin in distinct:
        yield Need(path, access_reason(reason, argv0, kind, origin), kind in SYMLINK_ACCESSES, root)


@dataclass(frozen=True, slots=True)
class _UsedFiles:
    """Files that the run executed or opened, not only looked up."""

    executed: frozenset[RootPath]
    opened: frozenset[RootPath]

    def is_in_use(self, path: RootPath, reasons: Iterable[Reason], *, script: bool) -> bool:
        """Return whether the dependencies of the file are needed.

        They are if the run used the file, or if another reason than the run keeps it. A program that a shell only
        looked up did not run, and a script that was read or copied needs no interpreter.
        """
        if not all(reason.kind in _RUN_REASONS or reason.by == "listed" for reason in reasons):
            return True
        return path in self.executed or (path in self.opened and not (script and self.executed))


def _find_dropped(rootfs: Rootfs, selection: Selection) -> tuple[frozenset[RootPath], list[str]]:
    dropped: set[RootPath] = set()
    warnings: list[str] = []
    for pattern in selection.drop:
        found = patterns.find_matches(rootfs, pattern) - {"/"}
        dropped |= patterns.expand_trees(rootfs, found)
        warnings += [] if found else [f"--drop {pattern!r} matches nothing in the image"]
    return frozenset(dropped), warnings


def _option_needs(rootfs: Rootfs, selection: Selection, database: Packages) -> tuple[list[Need], list[str]]:
    needs: list[Need] = []
    warnings: list[str] = []
    for pattern in selection.keep:
        found = patterns.find_matches(rootfs, pattern)
        ends = {end for path in found if (end := rootfs.walk(path).end) is not None}
        paths = found | patterns.expand_trees(rootfs, ends)
        needs += [Need(path, Reason(ReasonKind.KEEP, "--keep", pattern)) for path in paths]
        warnings += [] if found else [f"--keep {pattern!r} matches nothing in the image"]
    for name in selection.keep_packages:
        files = database.files(name)
        needs += [Need(path, Reason(ReasonKind.KEEP, "--keep-package", name)) for path in files]
        warnings += [] if files else [f"--keep-package {name!r}: the image has no files of such a package"]
    return needs, warnings


class _DependencyClosure:
    """Adds the dependencies of kept files: libraries and interpreters."""

    def __init__(self, kept_set: KeptSet, source: SourceImage, used_files: _UsedFiles) -> None:
        environment = parse_environment(source.config)
        directories = environment.get("LD_LIBRARY_PATH", "").replace(";", ":").split(":")
        self.kept_set = kept_set
        self.loader = Loader(kept_set.rootfs, tuple(directory for directory in directories if directory))
        self.used_files = used_files
        self.path = _search_path(source)
        self.mapped: set[RootPath] = set()
        self.missing: dict[tuple[str, str], None] = {}

    def add_dependencies(self) -> None:
        """Keep the dependencies of all new files, and the dependencies of those."""
        libraries: list[RootPath] = []
        while new := self.kept_set.take_new():
            self.loader.examine_all([path for path in new if self._is_content(path)])
            for path in new:
                self._examine(path, libraries)
            # A library that a program maps was searched for with that program's RPATH. Only libraries that no program
            # maps (opened by name at run time) are examined on their own, when all programs are known.
            if not self.kept_set.has_new:
                for path in sorted(set(libraries) - self.mapped):
                    self._add_closure(path)
                libraries.clear()

    def _is_content(self, path: RootPath) -> bool:
        entry = self.kept_set.rootfs.entries[path]
        return entry.kind is EntryKind.FILE and entry.size > 0

    def _examine(self, path: RootPath, libraries: list[RootPath]) -> None:
        if not self._is_content(path):
            return
        found = self.loader.examine(path)
        if not found or not self.used_files.is_in_use(
            path, self.kept_set.reasons[path], script=not isinstance(found, Elf)
        ):
            return
        if isinstance(found, Elf):
            if found.interpreter or path in self.used_files.executed:
                self._add_closure(path)
            else:
                libraries.append(path)
        elif self.kept_set.rootfs.entries[path].is_executable:
            self.kept_set.add(script_interpreters.find_needs(self.kept_set.rootfs, path, found, self.path))

    def _add_closure(self, path: RootPath) -> None:
        closure = self.loader.closure(path)
        self.kept_set.add(closure.needs)
        self.mapped |= closure.mapped
        if path in self.used_files.executed:
            self.missing.update(dict.fromkeys(closure.missing))

    def warnings(self) -> list[str]:
        missing = [f"{by!r} needs {name!r}, which the image does not have" for by, name in sorted(self.missing)]
        broken = [
            f"cannot read {path!r} as the kernel would: {why}"
            for path, why in sorted(self.loader.malformed.items())
            if path in self.kept_set.reasons
        ]
        return [*_limit_warnings(missing), *_limit_warnings(broken)]


class _SetNeeds:
    """Adds what depends on the whole kept set: presets, volumes, symlink aliases, --keep-all-of."""

    def __init__(
        self,
        kept_set: KeptSet,
        observations: Observations,
        selection: Selection,
        source: SourceImage,
        units: PackageUnits,
        static_needs: StaticNeeds | None,
        loader: Loader,
    ) -> None:
        self.static_needs = static_needs
        self.app_level = AppLevel(
            AppFacts(
                rootfs=kept_set.rootfs,
                packages=units.packages,
                config=source.config,
                accesses=observations.accesses,
                loader=loader,
                has_ended=observations.result.exit_status is not None,
            ),
            selection,
        )
        self.kept_set = kept_set
        self.selection = selection
        self.source = source
        self.units = units
        environment = parse_environment(source.config)
        self.facts = presets.gather_facts(kept_set.rootfs, observations.accesses, environment, units.packages.owners)
        self.aliases = SymlinkAliases(kept_set.rootfs, observations.accesses)
        self.accessed = {access.path for access in observations.accesses}
        self.keep_all_of = {
            pattern: patterns.expand_trees(kept_set.rootfs, patterns.find_matches(kept_set.rootfs, pattern))
            for pattern in selection.keep_all_of
        }
        self.unmatched = set(self.keep_all_of)
        self.volume_warnings: list[str] = []

    def needs(self) -> list[Need]:
        """Return further needs. A second call on the same kept set returns none that are new."""
        kept = self.kept_set.reasons
        rootfs = self.kept_set.rootfs
        for link, reason in tuple(self.aliases.find_links(kept)):
            self.kept_set.keep(link, reason)
        topics = self.static_needs.topics_of_all(kept) if self.static_needs is not None else None
        found = list(presets.find_needs(replace(self.facts, kept=kept, static_topics=topics), self.selection.hints_off))
        contents, self.volume_warnings = image_config.find_volume_content(rootfs, self.source, self.accessed, kept)
        found += contents
        found += self.app_level.needs(kept)
        for pattern, members in self.keep_all_of.items():
            files = {path for path in members if path in kept and rootfs.entries[path].kind is not EntryKind.DIRECTORY}
            if files:
                self.unmatched.discard(pattern)
            reason = Reason(ReasonKind.KEEP, "--keep-all-of", pattern)
            found += [Need(path, reason) for path in self.units.files_of_units(files)]
        return found

    def warnings(self) -> list[str]:
        return [
            *self.volume_warnings,
            *(f"--keep-all-of {pattern!r} matches nothing that is kept" for pattern in sorted(self.unmatched)),
        ]


def _limit_warnings(warnings: list[str]) -> list[str]:
    more = len(warnings) - MAX_WARNINGS
    return warnings if more <= 0 else [*warnings[:MAX_WARNINGS], f"and {more} more like the last"]
