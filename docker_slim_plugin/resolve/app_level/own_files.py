"""The app's own files: what no package manager brought is what the image is for, so the trees that were used are whole.

A tree is the highest directory above a used file that is no place of the distribution. In places of the distribution
(/etc, /usr/share/nginx ...) only unowned files beside the used one are kept. Code that a language's package manager
brought is left to the rules of the languages.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.app_level.facts import HEAD, AppFacts, Kept, child
from docker_slim_plugin.rootfs.index import all_parents, parents

LARGE_TREE, LEAST_SHARE = 20 << 20, 0.02
"""A tree with more bytes, of which the run used a smaller share of the files, is kept by need."""
SMALL_TREE, SMALL_TOGETHER = 1 << 20, 4 << 20
"""Bytes of a tree of the image's author that the run did not use, and of all of these: the smallest come first."""
PUBLIC = ("/", "/data", "/home", "/opt", "/srv", "/usr/local/share", "/var/www")
"""Places below which images have data of their own. Programs and texts in the root directory count as trees: other
configurations (`-c /no-auth.conf`), scripts, certificates."""
SHARED = re.compile(r"/usr(?:/local)?/share/[^/]+(?:/.*)?")
"""Directories of data of packages, to which images add their own: sites, themes, dashboards."""
MAX_SIBLING = 1 << 20
"""Bytes of an unowned file that is kept for its place beside a used one."""
DISTRIBUTION = frozenset((
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32", "/media", "/mnt", "/opt",
    "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/usr/bin", "/usr/games", "/usr/include",
    "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/local", "/usr/local/bin", "/usr/local/etc",
    "/usr/local/games", "/usr/local/include", "/usr/local/lib", "/usr/local/libexec", "/usr/local/man",
    "/usr/local/sbin", "/usr/local/share", "/usr/local/src", "/usr/sbin", "/usr/share", "/usr/src", "/var",
    "/var/cache", "/var/lib", "/var/local", "/var/lock", "/var/log", "/var/mail", "/var/opt", "/var/run",
    "/var/spool", "/var/tmp",
))  # fmt: skip
VOLATILE = (
    "/dev/", "/proc/", "/sys/", "/run/", "/tmp/", "/var/cache/", "/var/log/", "/var/tmp/", "/var/lib/apt/",
    "/var/lib/dpkg/",
)  # fmt: skip
PROGRAMS = ("bin", "sbin", "games", "libexec")
"""Directories of independent programs: one that was used says nothing about its neighbours, but for shell scripts."""
SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh"})
MAX_SCRIPT, SCRIPTS_TOGETHER = 64 << 10, 512 << 10
"""Bytes of a shell script of the image's author beside a used one (health checks, ...), and of all of these."""
CODE = ("/lib", "/usr/lib", "/usr/local/lib")
"""Beginnings of directories of code: /usr/lib64 and /usr/libexec are among them."""
FOREIGN = frozenset(
    {"site-packages", "dist-packages", "node_modules", "gems", "specifications", "vendor_ruby", "perl5", "__pycache__"}
)
RUNTIME = re.compile(r"/lib(?:64)?/(?:[\w-]+/)?(?:python\d[\d.]*|ruby|perl5?|php|jvm)/")
"""Matches files of the libraries of languages, as official images have them below /usr/local without a package."""
SKIPPED = frozenset(
    {".git", ".hg", ".svn", ".cache", ".npm", ".cargo", ".m2", ".gradle", ".pytest_cache", ".mypy_cache"}
)
"""Directories of version control and caches."""


@dataclass(slots=True)
class _Total:
    """What a directory holds, with all below."""

    size: int = 0
    files: int = 0
    used: int = 0

    @property
    def is_rarely_used(self) -> bool:
        return self.size > LARGE_TREE and self.used < LEAST_SHARE * self.files

    def add(self, other: _Total) -> None:
        self.size += other.size
        self.files += other.files
        self.used += other.used


class OwnFiles:
    """The rule; `notes` says which trees are kept by need only."""

    def __init__(self, facts: AppFacts) -> None:
        self.facts = facts
        self.notes: list[str] = []

    def find(self, kept: Kept) -> Iterable[str]:  # noqa: ARG002 (the run decides, not the kept set)
        return self._paths

    @cached_property
    def _paths(self) -> tuple[RootPath, ...]:
        trees: dict[RootPath, set[RootPath]] = {}
        siblings: set[RootPath] = set()
        scripts: set[RootPath] = set()
        for path in sorted(self._used_files()):
            top = self._tree(path)
            if top is not None:
                trees.setdefault(top, set()).add(path)
            elif self._is_for_files(directory := next(parents(path))):
                siblings.add(directory)
            elif self.facts.script_program(path) in SHELLS:
                scripts.add(directory)
        working = self.facts.rootfs.find(str(self.facts.config.get("WorkingDir") or "/"))
        if working is not None and working.kind is EntryKind.DIRECTORY and not self._is_distribution(working.path):
            trees.setdefault(working.path, set())
        found = [path for top, used in trees.items() for path in self._whole(top, used)]
        found += self._small_trees(trees)
        found += self._added_to_packages()
        found += [path for directory in siblings for path in self._unowned_beside(directory)]
        beside = {path: [path] for directory in scripts for path in self._unowned_beside(directory)}
        shell_scripts = {path: one for path, one in beside.items() if self.facts.script_program(path) in SHELLS}
        found += self.facts.smallest_first(shell_scripts, MAX_SCRIPT, SCRIPTS_TOGETHER)
        return tuple(dict.fromkeys(found))

    def _small_trees(self, used: Container[RootPath]) -> Iterator[RootPath]:
        """Yield the files of small trees that the image's author made, and of which the run used nothing."""
        rootfs = self.facts.rootfs
        tops = [child(place, name) for place in PUBLIC for name in rootfs.children.get(RootPath(place), ())]
        trees: dict[RootPath, list[RootPath]] = {}
        for top in tops:
            directory, _, name = top.rpartition("/")
            kind = rootfs.entries[top].kind
            if kind is EntryKind.FILE and not directory and self._is_named_by_users(top):
                trees[top] = [top]
            is_tree = kind is EntryKind.DIRECTORY and not top.startswith(VOLATILE)
            if is_tree and top not in used and not self._is_distribution(top) and name not in SKIPPED:
                trees[top] = list(self._files(top))
        for top in self.facts.smallest_first(trees, SMALL_TREE, SMALL_TOGETHER):
            yield from trees[top]

    def _is_named_by_users(self, path: RootPath) -> bool:
        """Tell whether a file of the author is what a command line names: a program or a text, no other data."""
        rootfs = self.facts.rootfs
        if path in self.facts.packages.owners:
            return False
        return rootfs.entries[path].is_executable or b"\0" not in rootfs.read(path, HEAD)

    def _added_to_packages(self) -> Iterator[RootPath]:
        """Yield small files and trees without a package, beside a used file that a package brought."""
        owners, entries = self.facts.packages.owners, self.facts.rootfs.entries
        files = (path for path in self.facts.used if path in owners and entries[path].kind is EntryKind.FILE)
        directories = {next(parents(path)) for path in files}
        added: dict[RootPath, list[RootPath]] = {}
        for directory in sorted(directories):
            if SHARED.fullmatch(directory) and FOREIGN.isdisjoint(directory.split("/")):
                for name in self.facts.rootfs.children.get(directory, ()):
                    path = child(directory, name)
                    if entries[path].kind is not EntryKind.DIRECTORY and path not in owners:
                        added[path] = [path]
                    elif entries[path].kind is EntryKind.DIRECTORY and path not in self._owned_directories:
                        added[path] = list(self._files(path))
        for path in self.facts.smallest_first(added, SMALL_TREE, SMALL_TOGETHER):
            yield from added[path]

    def _is_for_files(self, directory: RootPath) -> bool:
        """Tell whether a directory of the distribution is for configuration and data, not for programs."""
        return directory != "/" and not directory.startswith(CODE) and directory.rpartition("/")[2] not in PROGRAMS

    def _used_files(self) -> Iterator[RootPath]:
        owners = self.facts.packages.owners
        for path in self.facts.used:
            if path == "/" or path in owners or path.startswith(VOLATILE):
                continue
            if not FOREIGN.isdisjoint(path.split("/")) or RUNTIME.search(path):
                continue
            if self.facts.rootfs.entries[path].kind is EntryKind.FILE:
                yield path

    @cached_property
    def _owned_directories(self) -> frozenset[RootPath]:
        return frozenset(all_parents(self.facts.packages.owners))

    def _is_distribution(self, directory: RootPath) -> bool:
        return (
            directory in DISTRIBUTION
            or directory in self._owned_directories
            or (directory.startswith(("/home/", "/etc/")) and directory.count("/") == 2)
            or directory.startswith(VOLATILE)
        )  # fmt: skip

    def _tree(self, path: RootPath) -> RootPath | None:
        """Return the highest directory above `path` that is no place of the distribution."""
        top = None
        for parent in parents(path):
            if self._is_distribution(parent):
                break
            top = parent
        return top

    def _whole(self, top: RootPath, used: set[RootPath]) -> list[RootPath]:
        """Return the files of a tree, without its large directories that the run hardly used.

        The lowest of these count first, so that one of them is no reason to leave out what is beside it.
        """
        files = list(self._files(top))
        inside = sorted(directory for directory in all_parents(files) if len(directory) >= len(top))
        totals = {directory: _Total() for directory in inside}
        for path in files:
            totals[next(parents(path))].add(_Total(self.facts.rootfs.entries[path].size, 1, path in used))
        rare: set[RootPath] = set()
        for directory in reversed(inside):
            total = totals[directory]
            if total.is_rarely_used:
                rare.add(directory)
                self.notes.append(
                    f"{directory} has {total.size >> 20} MB, and the run used {total.used} of its {total.files} files: "
                    f"only what is needed of it is kept (--keep {directory} keeps all)"
                )
            elif directory != top:
                totals[next(parents(directory))].add(total)
        for directory in inside:
            if directory != top and next(parents(directory)) in rare:
                rare.add(directory)
        return [path for path in files if next(parents(path)) not in rare]

    def _files(self, top: RootPath) -> Iterator[RootPath]:
        pending = [top]
        while pending:
            here = pending.pop()
            for name in self.facts.rootfs.children.get(here, ()):
                path = child(here, name)
                if self.facts.rootfs.entries[path].kind is not EntryKind.DIRECTORY:
                    yield path
                elif name not in SKIPPED and name not in FOREIGN:
                    pending.append(path)

    def _unowned_beside(self, directory: RootPath) -> Iterator[RootPath]:
        rootfs, owners = self.facts.rootfs, self.facts.packages.owners
        for name in rootfs.children.get(directory, ()):
            path = child(directory, name)
            entry = rootfs.entries[path]
            if entry.kind is not EntryKind.DIRECTORY and path not in owners and entry.size <= MAX_SIBLING:
                yield path
