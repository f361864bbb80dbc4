"""Compute which files the dynamic loader maps for a program, as ld.so(8) and musl's ldso search for them.

Nothing is executed, because the loader of a foreign image is not trusted. Only DT_NEEDED is followed. Libraries that a
program opens by name at run time (dlopen(3)) are found by the tracer.
"""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.plan import Reason, ReasonKind
from docker_slim_plugin.resolve import patterns
from docker_slim_plugin.resolve.elf import elf_file
from docker_slim_plugin.resolve.elf.elf_file import Elf, MalformedElf
from docker_slim_plugin.resolve.elf.search_paths import MappedObject, SearchPaths, is_musl
from docker_slim_plugin.resolve.kept_set import Need
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.rootfs.read_ahead import ReadAhead

HEAD = 256
"""Number of bytes that the kernel reads of a file to execute (BINPRM_BUF_SIZE)."""
MAX_OBJECTS = 4096
"""Most objects of one process. The largest desktop programs map about 500."""
MAX_NEEDS = 65536
MAX_LOOKUPS = 400_000
"""Most paths tried in total. An image of 2,000 programs tries about 5,000."""
MUSL_BUILTIN = ("c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet.")
"""Names after "lib" that musl's loader provides itself, without a file (ldso/dynlink.c)."""


class Closure(NamedTuple):
    """The dependency closure of one program or library."""

    needs: tuple[Need, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    """Pairs of a path and a library that it needs and that no directory has."""
    mapped: frozenset[RootPath] = frozenset()
    """Files in the closure. It includes the dependencies of each of them."""


@dataclass(slots=True)
class Loader:
    """Searches for libraries in one image. Each file is read once."""

    rootfs: Rootfs
    library_path: tuple[str, ...] = ()
    """LD_LIBRARY_PATH of the image's environment."""
    malformed: dict[RootPath, str] = field(default_factory=dict)
    """Reasons by path, for files that cannot be read, or that start like ELF files and are not valid."""
    _files: dict[RootPath, Elf | bytes] = field(default_factory=dict)
    _compatible: dict[tuple[str, tuple[int, str, str]], bool] = field(default_factory=dict)
    _search_paths: SearchPaths = field(init=False)

    def __post_init__(self) -> None:
        self._search_paths = SearchPaths(self.rootfs, self.library_path)

    def examine_all(self, paths: Sequence[RootPath]) -> None:
        """Examine regular files at once, to save the waits for each."""
        new = [path for path in paths if path not in self._files]
        with ReadAhead(self.rootfs.reader, new) as source:
            for path in new:
                self._files[path] = self._examine(path, source.open)

    def examine(self, path: RootPath) -> Elf | bytes:
        """Return the ELF fields of the regular file at `path`, the first HEAD bytes of a script, or b"" otherwise."""
        if path not in self._files:
            self._files[path] = self._examine(path, self.rootfs.reader.open)
        return self._files[path]

    def _examine(self, path: RootPath, open_file: Callable[[RootPath], BinaryIO]) -> Elf | bytes:
        try:
            with open_file(path) as file:
                head = file.read(HEAD)
                if head.startswith(elf_file.MAGIC):
                    return elf_file.read(file)
                return head if head.startswith(b"#!") else b""
        except (MalformedElf, OSError) as error:
            self.malformed[path] = str(error)
            return b""

    def elf(self, path: RootPath) -> Elf | None:
        """Return the ELF fields of the file at `path`, or None if it is not a valid ELF file."""
        found = self.examine(path)
        return found if isinstance(found, Elf) else None

    def closure(self, path: RootPath) -> Closure:
        """Return everything that is mapped if `path` is executed or, for a library, opened by name."""
        top = self.elf(path)
        if top is None:
            return Closure()
        link_map = _LinkMap(musl=is_musl(top))
        link_map.map(path, MappedObject(path, top))
        if top.interpreter:
            link_map.need(top.interpreter, path, f"PT_INTERP {top.interpreter}")
            settings = "/etc/ld-musl-*.path" if link_map.musl else "/etc/ld.so.cache"
            for place in sorted(patterns.find_matches(self.rootfs, settings)):
                link_map.need(place, path, f"search path of {top.interpreter}")
            if self.rootfs.find(top.interpreter) is None:
                link_map.missing[path, top.interpreter] = None
        while link_map.queue and len(link_map.mapped) < MAX_OBJECTS and len(link_map.needs) < MAX_NEEDS:
            self._load(link_map, link_map.queue.popleft())
        return Closure(tuple(link_map.needs), tuple(link_map.missing), frozenset(link_map.mapped))

    def _load(self, link_map: _LinkMap, current: MappedObject) -> None:
        for name in current.elf.needed:
            if link_map.musl and name.startswith("lib") and name[3:].startswith(MUSL_BUILTIN):
                continue
            if name not in link_map.loaded:
                link_map.loaded[name] = self.find(name, current, musl=link_map.musl)
                for place in link_map.loaded[name]:
                    end = self.rootfs.walk(place).end
                    if end is not None and end not in link_map.mapped and (found := self.elf(end)) is not None:
                        link_map.map(end, MappedObject(place, found, current))
            if not link_map.loaded[name]:
                link_map.missing[current.path, name] = None
            for place in link_map.loaded[name]:
                link_map.need(place, current.path, f"DT_NEEDED {name}")

    def find(self, name: str, needing: MappedObject, *, musl: bool = False) -> list[str]:
        """Return the paths at which the loader finds `name` for `needing`.

        The list is empty if there is none. It has several paths if the processor decides which one is used
        (glibc-hwcaps).
        """
        if "/" in name:
            return [name] if self._is_compatible(name, needing.elf) else []
        found: list[str] = []
        for directory in self._search_paths.directories_for(needing, musl=musl):
            variants = () if musl else self._search_paths.hwcaps(directory)
            found += [place for sub in variants if self._is_compatible(place := f"{sub}/{name}", needing.elf)]
            if self._is_compatible(place := posixpath.join(directory, name), needing.elf):
                return [*found, place]
        return found

    def _is_compatible(self, place: str, needing: Elf) -> bool:
        key = (place, needing.abi)
        if key not in self._compatible:
            if len(self._compatible) >= MAX_LOOKUPS:
                return False
            entry = self.rootfs.find(place) if place.startswith("/") else None
            found = self.elf(entry.path) if entry is not None and entry.kind is EntryKind.FILE else None
            self._compatible[key] = found is not None and found.abi == needing.abi
        return self._compatible[key]


class _LinkMap:
    """The objects of one process in the order in which they are mapped."""

    def __init__(self, *, musl: bool) -> None:
        self.musl = musl
        self.needs: dict[Need, None] = {}
        self.missing: dict[tuple[str, str], None] = {}
        self.mapped: set[RootPath] = set()
        self.loaded: dict[str, list[str]] = {}
        self.queue: deque[MappedObject] = deque()

    def map(self, path: RootPath, mapped: MappedObject) -> None:
        self.mapped.add(path)
        self.queue.append(mapped)
        if mapped.elf.soname and not self.musl:
            # glibc uses a mapped object for every later name that is equal to its DT_SONAME.
            self.loaded.setdefault(mapped.elf.soname, [mapped.path])

    def need(self, path: str, by: str, detail: str) -> None:
        self.needs[Need(path, Reason(ReasonKind.LIBRARY, by, detail))] = None
