"""The door of this floor: from what a run showed to what goes into the slim image, each path with its reasons.

A fixpoint: what was seen, declared and asked for is walked into the image; each file that comes in may ask for more
(libraries, interpreters); when nothing asks any more, the presets, volumes and whole units look at what is kept, and
it goes round again. Rounds are sorted, so the plan does not depend on how the run was scheduled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from docker_slim_plugin.engine.gate import GATE_NAME
from docker_slim_plugin.model.entry import EntryKind, RootPath
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
from docker_slim_plugin.resolve.elf.elf_file import Elf
from docker_slim_plugin.resolve.elf.loader import Loader
from docker_slim_plugin.resolve.elf.static_needs import Asks
from docker_slim_plugin.resolve.kept_set import Ledger, Need
from docker_slim_plugin.resolve.packages import ownership
from docker_slim_plugin.resolve.packages.ownership import Packages
from docker_slim_plugin.resolve.packages.package_units import Units
from docker_slim_plugin.resolve.symlink_aliases import Aliases
from docker_slim_plugin.rootfs.index import Rootfs

ON_LINKS = frozenset({AccessKind.READLINK, AccessKind.CHANGE})
"""What is done to a symlink itself, not to what it leads to."""
_BY_THE_RUN = frozenset({ReasonKind.ACCESS, ReasonKind.REPAIR})
MAX_WARNINGS = 20
"""Of one sort; the rest is counted."""


def resolve(
    rootfs: Rootfs,
    observations: Observations,
    selection: Selection,
    source: SourceImage,
    missed: Iterable[Access] = (),
) -> FilePlan:
    """Return what of the image goes into the slim one; `missed` is what a first slim one was found to lack."""
    database = ownership.read(rootfs)
    dropped, warnings = _dropped(rootfs, selection)
    ledger = Ledger(rootfs, dropped)
    ledger.add(_seen(observations.accesses, ReasonKind.ACCESS))
    ledger.add(_seen(missed, ReasonKind.REPAIR))
    ledger.add(image_config.directories(rootfs, source))
    asked, unknown = _asked(rootfs, selection, database)
    ledger.add(asked)
    chosen = requested_paths.read(rootfs, selection.named, _path(source))
    ledger.add(chosen.needs)
    programs = frozenset(path for path in chosen.tops if rootfs.entries[path].is_executable)
    used = _used(rootfs, (*observations.accesses, *missed))
    search = _Search(ledger, source, replace(used, executed=used.executed | programs))
    asks = Asks(rootfs, search.loader) if selection.named else None
    rounds = _Rounds(ledger, observations, selection, source, Units(rootfs, database), asks)
    while True:
        search.settle()
        before = len(ledger.reasons)
        ledger.add(rounds.needs())
        if len(ledger.reasons) == before:
            break
    warnings += [*unknown, *chosen.warnings, *search.warnings(), *rounds.warnings()]
    notes: list[str] = []
    if asks is not None:
        said, notes = asks.words(ledger.reasons, chosen.tops, selection.hints_off)
        warnings += said
    plan = whole_tree.plan(ledger, database, selection, tuple(warnings))
    return replace(plan, notes=(*notes, *plan.notes))


def _path(source: SourceImage) -> tuple[str, ...]:
    """Return the directories of the image's PATH."""
    return tuple(
        image_config.environment(source.config)
        .get("PATH", script_interpreters.DEFAULT_PATH)
        .split(":")[: script_interpreters.MAX_PATH]
    )


def _seen(accesses: Iterable[Access], reason: ReasonKind) -> Iterator[Need]:
    distinct = {(access.path, access.root, access.process.argv0, access.kind, access.origin) for access in accesses}
    for path, root, argv0, kind, origin in distinct:
        process = argv0.rstrip("/").rpartition("/")[2] or "?"
        # The gate's first exec is what docker was told to run.
        who = "docker" if process == GATE_NAME else process
        yield Need(path, Reason(reason, who, f"{kind} ({origin})"), kind in ON_LINKS, root)


@dataclass(frozen=True, slots=True)
class _Used:
    """Files that the run did more with than to look whether they are there."""

    executed: frozenset[RootPath]
    opened: frozenset[RootPath]

    def asks(self, path: RootPath, reasons: Iterable[Reason], *, script: bool) -> bool:
        """Tell whether what the file needs is needed: the run used it, or something else than the run wants it.

        A program that a shell only looked for never ran, and a script that was read or copied needs no interpreter.
        """
        if not all(reason.kind in _BY_THE_RUN or reason.by == "listed" for reason in reasons):
            return True
        return path in self.executed or (path in self.opened and not (script and self.executed))


def _used(rootfs: Rootfs, accesses: Iterable[Access]) -> _Used:
    paths: dict[AccessKind, set[tuple[str, str]]] = {AccessKind.EXEC: set(), AccessKind.OPEN: set()}
    for access in accesses:
        if access.kind in paths:
            paths[access.kind].add((access.path, access.root))
    ends = (
        frozenset(end for path, root in names if (end := rootfs.walk(path, root=root).end) is not None)
        for names in (paths[AccessKind.EXEC], paths[AccessKind.OPEN])
    )
    return _Used(*ends)


def _dropped(rootfs: Rootfs, selection: Selection) -> tuple[frozenset[RootPath], list[str]]:
    dropped: set[RootPath] = set()
    warnings: list[str] = []
    for pattern in selection.drop:
        found = patterns.matches(rootfs, pattern) - {"/"}
        dropped |= patterns.trees(rootfs, found)
        warnings += [] if found else [f"--drop {pattern!r} matches nothing in the image"]
    return frozenset(dropped), warnings


def _asked(rootfs: Rootfs, selection: Selection, database: Packages) -> tuple[list[Need], list[str]]:
    needs: list[Need] = []
    warnings: list[str] = []
    for pattern in selection.keep:
        found = patterns.matches(rootfs, pattern)
        ends = {end for path in found if (end := rootfs.walk(path).end) is not None}
        paths = found | patterns.trees(rootfs, ends)
        needs += [Need(path, Reason(ReasonKind.KEEP, "--keep", pattern)) for path in paths]
        warnings += [] if found else [f"--keep {pattern!r} matches nothing in the image"]
    for name in selection.keep_packages:
        files = database.files(name)
        needs += [Need(path, Reason(ReasonKind.KEEP, "--keep-package", name)) for path in files]
        warnings += [] if files else [f"--keep-package {name!r}: the image has no files of such a package"]
    return needs, warnings


class _Search:
    """What kept files themselves ask for: libraries and interpreters."""

    def __init__(self, ledger: Ledger, source: SourceImage, used: _Used) -> None:
        environment = image_config.environment(source.config)
        directories = environment.get("LD_LIBRARY_PATH", "").replace(";", ":").split(":")
        self.ledger = ledger
        self.loader = Loader(ledger.rootfs, tuple(directory for directory in directories if directory))
        self.used = used
        self.path = _path(source)
        self.mapped: set[RootPath] = set()
        self.missing: dict[tuple[str, str], None] = {}

    def settle(self) -> None:
        """Keep what the fresh files need, and what that needs, to the end."""
        libraries: list[RootPath] = []
        while fresh := self.ledger.fresh():
            for path in fresh:
                self._examine(path, libraries)
            # A library that some program maps has been looked up as that program's, with its RPATH; only those that
            # no program maps (opened by name at run time) are looked up on their own, when all programs are known.
            if not self.ledger.has_fresh:
                for path in sorted(set(libraries) - self.mapped):
                    self._map(path)
                libraries.clear()

    def _examine(self, path: RootPath, libraries: list[RootPath]) -> None:
        entry = self.ledger.rootfs.entries[path]
        if entry.kind is not EntryKind.FILE or not entry.size:
            return
        found = self.loader.examine(path)
        if not found or not self.used.asks(path, self.ledger.reasons[path], script=not isinstance(found, Elf)):
            return
        if isinstance(found, Elf):
            if found.interpreter or path in self.used.executed:
                self._map(path)
            else:
                libraries.append(path)
        elif entry.is_executable:
            self.ledger.add(script_interpreters.needs(self.ledger.rootfs, path, found, self.path))

    def _map(self, path: RootPath) -> None:
        closure = self.loader.closure(path)
        self.ledger.add(closure.needs)
        self.mapped |= closure.mapped
        if path in self.used.executed:
            self.missing.update(dict.fromkeys(closure.missing))

    def warnings(self) -> list[str]:
        missing = [f"{by!r} needs {name!r}, which the image does not have" for by, name in sorted(self.missing)]
        broken = [
            f"cannot read {path!r} as the kernel would: {why}"
            for path, why in sorted(self.loader.malformed.items())
            if path in self.ledger.reasons
        ]
        return [*_bounded(missing), *_bounded(broken)]


class _Rounds:
    """What only the whole of the kept files can tell: presets, volumes, --keep-all-of."""

    def __init__(
        self,
        ledger: Ledger,
        observations: Observations,
        selection: Selection,
        source: SourceImage,
        units: Units,
        asks: Asks | None,
    ) -> None:
        self.asks = asks
        self.ledger = ledger
        self.selection = selection
        self.source = source
        self.units = units
        environment = image_config.environment(source.config)
        self.facts = presets.facts(ledger.rootfs, observations.accesses, environment, units.packages.owners)
        self.aliases = Aliases(ledger.rootfs, observations.accesses)
        self.touched = {access.path for access in observations.accesses}
        self.whole = {
            pattern: patterns.trees(ledger.rootfs, patterns.matches(ledger.rootfs, pattern))
            for pattern in selection.keep_all_of
        }
        self.idle = set(self.whole)
        self.large: list[str] = []

    def needs(self) -> list[Need]:
        """Return what is to be kept besides; nothing new when called again on the same."""
        kept = self.ledger.reasons
        rootfs = self.ledger.rootfs
        for link, reason in tuple(self.aliases.links(kept)):
            self.ledger.keep(link, reason)
        asked = self.asks.all(kept) if self.asks is not None else None
        found = list(presets.needs(replace(self.facts, kept=kept, asked=asked), self.selection.hints_off))
        contents, self.large = image_config.volumes(rootfs, self.source, self.touched, kept)
        found += contents
        for pattern, whole in self.whole.items():
            files = {path for path in whole if path in kept and rootfs.entries[path].kind is not EntryKind.DIRECTORY}
            if files:
                self.idle.discard(pattern)
            reason = Reason(ReasonKind.KEEP, "--keep-all-of", pattern)
            found += [Need(path, reason) for path in self.units.around(files)]
        return found

    def warnings(self) -> list[str]:
        return [
            *self.large,
            *(f"--keep-all-of {pattern!r} matches nothing that is kept" for pattern in sorted(self.idle)),
        ]


def _bounded(warnings: list[str]) -> list[str]:
    more = len(warnings) - MAX_WARNINGS
    return warnings if more <= 0 else [*warnings[:MAX_WARNINGS], f"and {more} more like the last"]
