"""Distribution packages that the app is made of: programs that the run executed, and small ones installed by name.

A server's package has what its configuration can name: plugins, error pages, helpers, other programs of the same suite.
Packages without which the distribution does not work are kept by need. Of some of them the commands are kept, where a
daemon runs commands of its users (cron).
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.app_level.facts import AppFacts, Kept, is_kept_beside
from docker_slim_plugin.resolve.app_level.own_files import SHELLS
from docker_slim_plugin.resolve.packages.dependencies import find_closure
from docker_slim_plugin.resolve.packages.ownership import package_name, read_field
from docker_slim_plugin.resolve.script_interpreters import parse_env_program, parse_shebang
from docker_slim_plugin.rootfs.index import parents

AUTOMATIC = "/var/lib/apt/extended_states"
MAX_STATES = 4 << 20
SMALL = 2 << 20
"""Bytes of a package that the image's author installed by name, and that the run did not use."""
SMALL_TOGETHER = 8 << 20
"""Bytes of all of these; the smallest come first."""
DATA_TOGETHER = 16 << 20
"""Bytes of the packages of data (Architecture: all) that these depend on; the smallest come first."""
FOR_CODE = frozenset({"commands"})
"""The rule that keeps a shell for code of languages: scripts of packages are not asked for by that."""
CODE = re.compile(r"^(?:node|ruby|python3?|php|r|golang|libjs)-|^lib[\w.+-]+-(?:perl|java|php|ruby)$")
"""Packages of libraries of languages: they are no data, whatever their architecture."""
SCHEDULERS = frozenset({"cron", "crond", "anacron", "fcron", "atd"})
"""Programs that run commands of their users."""
COMMANDS = frozenset(
    {"coreutils", "diffutils", "findutils", "gawk", "grep", "gzip", "mawk", "sed", "tar", "util-linux"}
)
"""Packages of the commands that any script may use."""
MAX_HELPER, MAX_NAMES, MAX_NAME = 16 << 20, 64, 256
"""Bytes of a package that a tool's helper brings; and how many names of programs are searched, of how many bytes."""
MAX_COMMAND = 512 << 10
MAX_SHELL = 2 << 20
"""Bytes of a shell that the scripts of a tool bring."""
LEFT_OUT = re.compile(
    r"/(?:include|pkgconfig|cmake|bitcode|debug|aclocal|gdb|valgrind|bash-completion|lintian|bug|vim|nano|emacs|apport)/|\.a$"
)
"""Of a whole package: development files, LLVM's bitcode for inlining, what belongs to other tools."""
RUNTIMES = re.compile(
    r"^(?:lib)?(?:python|perl|ruby|nodejs|php[0-9.]*-cli|openjdk|golang|gcc|g\+\+|cpp|binutils|llvm|clang)"
)
"""Interpreters and compilers: the rules of the languages know better what is needed of them."""


class DistributionPackages:
    """The rule."""

    def __init__(self, facts: AppFacts, *, whole: bool = False) -> None:
        """`whole` is the level `package`: each used package, with those that it depends on."""
        self.facts = facts
        self.whole = whole

    def find(self, kept: Kept) -> Iterable[str]:
        return [path for path in self._paths if path not in self._scripts or self._can_run(path, kept)]

    def _can_run(self, script: RootPath, kept: Kept) -> bool:
        """Tell whether a script's interpreter is kept, for more than what code may call.

        A tool's own commands bring a shell, but no larger interpreter.
        """
        interpreter = self._scripts[script]
        if interpreter is None:
            return False
        if is_kept_beside(kept.get(interpreter, ()), FOR_CODE):
            return True
        is_command = (
            self.facts.has_ended and script in self._own_programs and self.facts.script_program(script) in SHELLS
        )
        return is_command and self.facts.size_of((interpreter,)) <= MAX_SHELL

    @cached_property
    def _own_programs(self) -> frozenset[RootPath]:
        """The programs of the packages of which the run executed one."""
        files = (path for key in self._chosen[0] for path in self._files(key))
        return frozenset(path for path in files if next(parents(path)) in self.facts.search)

    @cached_property
    def _paths(self) -> tuple[RootPath, ...]:
        executed, by_name = self._chosen
        keys = {*executed, *by_name, *self._of_the_same_source(executed | by_name), *self._data_of(by_name, executed)}
        if self.whole:
            keys |= find_closure(self._used_at_all(), self.facts.packages.depends)
        return (*(path for key in sorted(keys) for path in self._files(key)), *self._commands())

    def _commands(self) -> Iterator[RootPath]:
        """Yield the commands that any script may use, where a daemon runs the scripts of its users."""
        if any(path.rpartition("/")[2] in SCHEDULERS for path in self.facts.executed):
            for key in self.facts.files_by_package:
                if package_name(key) in COMMANDS:
                    for path in self._files(key):
                        entry = self.facts.rootfs.entries[path]
                        if entry.is_executable and entry.size <= MAX_COMMAND and "/bin/" in path:
                            yield path

    @cached_property
    def _scripts(self) -> dict[RootPath, RootPath | None]:
        """The interpreter of each script. A script that nothing else needs is mostly no reason to keep it."""
        rootfs = self.facts.rootfs
        found: dict[RootPath, RootPath | None] = {}
        for path in self._paths:
            if rootfs.entries[path].is_executable:
                interpreter, argument = parse_shebang(self.facts.script_head(path))
                if interpreter.endswith("/env"):
                    interpreter = self._place(parse_env_program(argument))
                elif not interpreter.startswith("/"):
                    continue
                found[path] = rootfs.walk(interpreter).end if interpreter else None
        return found

    def _place(self, program: str) -> str:
        """Return the path of a program in PATH, or "" if there is none."""
        places = (f"{directory}/{program}" for directory in self.facts.search)
        return next((place for place in places if (one := self.facts.rootfs.find(place)) and one.is_executable), "")

    def _files(self, key: str) -> Iterator[RootPath]:
        return (path for path in self.facts.package_files(key) if not LEFT_OUT.search(path))

    @cached_property
    def _executed(self) -> frozenset[str]:
        """The packages of executed programs; of a tool also those of the names that it was started by."""
        packages = self.facts.packages
        paths = (*self.facts.executed, *(self.facts.executed_links if self.facts.has_ended else ()))
        keys = {key for path in paths for key in packages.owners_of(path)}
        return frozenset(key for key in keys if key not in packages.essential and not RUNTIMES.match(key))

    def _of_the_same_source(self, executed: set[str]) -> set[str]:
        """Return packages that the executed ones depend on, and that were built of the same source."""
        sources = self.facts.sources
        wanted = {sources.get(key) for key in executed} - {None}
        found = find_closure(executed, self.facts.packages.depends, lambda key: sources.get(key) in wanted)
        return {key for key in found if not RUNTIMES.match(key)}

    def _used_at_all(self) -> set[str]:
        packages = self.facts.packages
        return {key for path in self.facts.used for key in packages.owners_of(path)}

    def _by_name(self) -> Iterator[str]:
        """Yield small packages that were installed by name."""
        files = {key: self._files(key) for key in self._installed_by_name}
        yield from self.facts.smallest_first(files, SMALL, SMALL_TOGETHER)

    @cached_property
    def _installed_by_name(self) -> tuple[str, ...]:
        """The packages that were installed by name: not as a dependency, nor with the base."""
        packages = self.facts.packages
        automatic = self._automatic()
        if packages.system != "dpkg" or not automatic:
            return ()
        return tuple(
            key
            for key in sorted(self.facts.files_by_package)
            if not (package_name(key) in automatic or key in packages.base or RUNTIMES.match(key))
        )

    @cached_property
    def tools(self) -> frozenset[str]:
        """The packages of a tool and its helpers: their programs and modules may bring more libraries than others."""
        executed, by_name = self._chosen
        return frozenset(executed | by_name | self._of_the_same_source(executed) if self.facts.has_ended else ())

    @cached_property
    def _chosen(self) -> tuple[set[str], set[str]]:
        """The packages of which the run executed a program, and those that were installed by name."""
        return set(self._executed), {*self._by_name(), *self._helpers}

    @cached_property
    def _helpers(self) -> frozenset[str]:
        """The packages installed by name of which a tool has a program's name in its file."""
        executed = self._executed
        names: dict[bytes, str] = {}
        for key in self._installed_by_name if self.facts.has_ended else ():
            files = list(self._files(key))
            if key not in executed and self.facts.size_of(files) <= MAX_HELPER:
                programs = (path for path in files if next(parents(path)) in self.facts.search)
                names.update((b"\0%b\0" % os.fsencode(path.rpartition("/")[2]), key) for path in programs)
        names = dict(itertools.islice(names.items(), MAX_NAMES))
        found: set[str] = set()
        for program in self.facts.executed if names else ():
            if not executed.isdisjoint(self.facts.packages.owners_of(program)):
                for data in self.facts.program_blocks(program, MAX_NAME):
                    found.update(key for name, key in names.items() if name in data)
        return frozenset(found)

    def _data_of(self, by_name: set[str], executed: set[str]) -> Iterator[str]:
        """Yield packages of data that those installed by name depend on, and the executed ones do not.

        The libraries of a program that no run used are found in its file, its data is not.
        """
        depends = self.facts.packages.depends
        found = find_closure(by_name, depends) - find_closure(executed, depends) - self.facts.packages.base - by_name
        data = {key for key, stanza in self.facts.packages.stanzas if read_field(stanza, b"Architecture") == "all"}
        wanted = sorted(key for key in found & data if not (RUNTIMES.match(key) or CODE.match(package_name(key))))
        files = {key: self._files(key) for key in wanted}
        yield from self.facts.smallest_first(files, DATA_TOGETHER, DATA_TOGETHER)

    def _automatic(self) -> frozenset[str]:
        """Return the packages that apt installed as dependencies (apt-mark(8), showauto)."""
        found, name = set(), ""
        for line in self.facts.rootfs.text(AUTOMATIC, MAX_STATES).split("\n"):
            field, _, value = line.partition(": ")
            if field == "Package":
                name = value
            elif field == "Auto-Installed" and value == "1":
                found.add(name)
        return frozenset(found)
