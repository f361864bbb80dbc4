"""What the rules decide by: the image, its packages, and what the run used."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from operator import itemgetter
from typing import Any, Protocol, TypeVar

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.environment import parse_environment, search_path
from docker_slim_plugin.model.observation import Access, AccessKind
from docker_slim_plugin.model.plan import Reason, ReasonKind
from docker_slim_plugin.resolve.accessed_files import find_accessed
from docker_slim_plugin.resolve.elf.elf_file import Elf
from docker_slim_plugin.resolve.elf.loader import Loader
from docker_slim_plugin.resolve.packages.documentation import is_documentation
from docker_slim_plugin.resolve.packages.ownership import Packages, package_name, read_field
from docker_slim_plugin.resolve.script_interpreters import parse_env_program, parse_shebang
from docker_slim_plugin.rootfs.index import Rootfs

K = TypeVar("K")
USED = frozenset({AccessKind.EXEC, AccessKind.OPEN, AccessKind.LIST, AccessKind.CHDIR})
MAX_TEXT = 4 << 20
"""Bytes of a source file that are read."""
HEAD = 256
MAX_PROGRAM, CHUNK = 256 << 20, 1 << 20
"""Bytes of a program that are searched for names, and of a part of it."""
ELF_MAGIC = b"\x7fELF"


@dataclass(frozen=True, kw_only=True)
class AppFacts:
    """The image and the run."""

    rootfs: Rootfs
    packages: Packages
    config: Mapping[str, Any]
    """The image's Config."""
    accesses: tuple[Access, ...] = field(repr=False)
    loader: Loader | None = field(default=None, repr=False)
    has_ended: bool = False
    """The app ended by itself: it is a tool or a job, of which the run shows one use. A server was stopped."""

    def libraries_size(self, path: str, kept: Container[RootPath]) -> int:
        """Return the bytes of the shared libraries that a program or module needs, and that are not kept yet."""
        entry = self.rootfs.find(path)
        if self.loader is None or entry is None or entry.kind is not EntryKind.FILE:
            return 0
        found = self.loader.elf(entry.path)
        if found is None:
            return 0
        # Most programs of an image need the same few libraries. Search paths may be relative to the program.
        place = entry.path.rpartition("/")[0] if found.rpath or found.runpath else ""
        key = (place, found)
        if key not in self._libraries:
            self._libraries[key] = self.loader.closure(entry.path).mapped - {entry.path}
        return self.size_of(one for one in self._libraries[key] if one not in kept)

    @cached_property
    def _libraries(self) -> dict[tuple[str, Elf], frozenset[RootPath]]:
        return {}

    @cached_property
    def used(self) -> frozenset[RootPath]:
        """The files and directories that the run executed, opened, listed or changed to."""
        return find_accessed(self.rootfs, self.accesses, USED)

    @cached_property
    def executed(self) -> frozenset[RootPath]:
        return find_accessed(self.rootfs, self.accesses, {AccessKind.EXEC})

    @cached_property
    def executed_links(self) -> frozenset[RootPath]:
        """The symlinks over which programs were executed."""
        places = {(access.path, access.root) for access in self.accesses if access.kind is AccessKind.EXEC}
        return frozenset(link for path, root in places for link in self.rootfs.walk(path, root=root).links)

    def script_program(self, path: RootPath) -> str:
        """Return the name of the program that runs a script, as its #! line says ("perl"); "" if it is no script."""
        interpreter, argument = parse_shebang(self.script_head(path))
        if interpreter.endswith("/env"):
            interpreter = parse_env_program(argument)
        return interpreter.rpartition("/")[2]

    def script_head(self, path: RootPath) -> bytes:
        """Return the beginning of an executable script, or b"". The loader reads each file once for all rules."""
        entry = self.rootfs.entries[path]
        if entry.kind is not EntryKind.FILE or not entry.is_executable or not entry.size:
            return b""
        if self.loader is None:
            return self.rootfs.read(path, HEAD)
        found = self.loader.examine(path)
        return found if isinstance(found, bytes) else b""

    def program_blocks(self, path: RootPath, overlap: int) -> Iterator[bytes]:
        """Yield the content of an ELF file in blocks that overlap; nothing of other files. It may be large."""
        if self.rootfs.entries[path].kind is not EntryKind.FILE:
            return
        with self.rootfs.reader.open(path) as file:
            data = file.read(CHUNK)
            if not data.startswith(ELF_MAGIC):
                return
            for _ in range(MAX_PROGRAM // CHUNK):
                yield data
                more = file.read(CHUNK)
                if not more:
                    return
                data = data[-overlap:] + more

    def has_text(self, path: RootPath, texts: Collection[bytes]) -> bool:
        """Tell whether an ELF file has one of these texts in it."""
        overlap = max(map(len, texts)) - 1
        return any(one in data for data in self.program_blocks(path, overlap) for one in texts)

    @cached_property
    def sources(self) -> Mapping[str, str]:
        """The source that each distribution package was built of."""
        return {key: _source(key, stanza) for key, stanza in self.packages.stanzas}

    @cached_property
    def search(self) -> tuple[str, ...]:
        """The directories of the image's PATH."""
        return search_path(parse_environment(self.config))

    def files_below(self, top: RootPath) -> Iterator[RootPath]:
        """Yield what is below `top` and no directory; symlinks are not followed."""
        for entry in self.rootfs.below(top):
            if entry.kind is not EntryKind.DIRECTORY:
                yield entry.path

    def package_files(self, key: str) -> Iterator[RootPath]:
        """Yield the files of a distribution package, without documentation and translations."""
        return (path for path in self.files_by_package.get(key, ()) if not is_documentation(path))

    @cached_property
    def files_by_package(self) -> Mapping[str, tuple[RootPath, ...]]:
        found: dict[str, list[RootPath]] = {}
        for path, key in self.packages.owners.items():
            found.setdefault(key, []).append(path)
        return {key: tuple(sorted(paths)) for key, paths in found.items()}

    def size_of(self, paths: Iterable[RootPath]) -> int:
        """Return the bytes of files."""
        return sum(self.rootfs.entries[path].size for path in paths if path in self.rootfs.entries)

    def smallest_first(self, files: Mapping[K, Iterable[RootPath]], most: int, together: int) -> Iterator[K]:
        """Yield the keys of groups of files, smallest first, as long as each has `most` bytes, and all `together`."""
        sizes = {key: self.size_of(paths) for key, paths in files.items()}
        total = 0
        for key, size in sorted(sizes.items(), key=itemgetter(1)):
            total += size
            if size > most or total > together:
                return
            yield key


def _source(key: str, stanza: bytes) -> str:
    # "o" is apk's field for it.
    return read_field(stanza, b"(?:Source|o)").partition(" ")[0] or package_name(key)


Kept = Mapping[RootPath, Collection[Reason]]
"""The kept set: the reasons of each path, in the order in which the paths were added. None is removed."""


class NewPaths:
    """Gives each path of a growing kept set once: rules are asked many times, and an image has 100,000s of files."""

    def __init__(self) -> None:
        self._count = 0

    def of(self, kept: Kept) -> list[RootPath]:
        """Return the paths that were added since the last call."""
        new = list(islice(kept, self._count, None))
        self._count += len(new)
        return new


class FileRule:
    """A rule that looks at each kept file once."""

    def __init__(self, facts: AppFacts) -> None:
        self.facts = facts
        self._paths = NewPaths()

    def new_files(self, kept: Kept, *parts: str) -> Iterator[RootPath]:
        """Yield the files that were added since the last call; only those whose path has one of `parts`, if given."""
        for path in self._paths.of(kept):
            if (not parts or any(part in path for part in parts)) and self.facts.rootfs.entries[
                path
            ].kind is not EntryKind.DIRECTORY:
                yield path


def child(directory: str, name: str) -> RootPath:
    """Return the path of a name in a directory."""
    return RootPath(f"{'' if directory == '/' else directory}/{name}")


def is_kept_beside(reasons: Collection[Reason], names: Container[str]) -> bool:
    """Tell whether there is another reason for a path than the rules of these names, links aside."""
    return any(one.by not in names and one.kind is not ReasonKind.SYMLINK for one in reasons)


class Rule(Protocol):
    """Finds paths that are kept besides. It is asked again and again while the kept set grows.

    It may have `causes`, the file that calls for each path as far as the rule knows it, and `notes` for the user.
    """

    def find(self, kept: Kept) -> Iterable[str]:
        """Return paths that `kept` calls for. Paths that were returned before may be left out."""
        ...
