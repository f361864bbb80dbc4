"""Ruby: gems of which a file was used are whole, with the gems that they require; and the standard library.

So are gems that the app's own sources load by a constant name, at any place. The requirements are read in the
specifications as text (`add_runtime_dependency`, `add_dependency`), nothing is executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.app_level.facts import MAX_TEXT, AppFacts, FileRule, Kept, child

GEM = re.compile(r"(.*)/gems/([^/]+)-(\d[^/-]*(?:-[^/]*)?)/")
DIRECTORY = re.compile(r"([^/]+)-\d[^/-]*(?:-[^/]*)?")
"""The directory of a gem: its name, its version, and a platform if it was compiled for one."""
DEPENDENCY = re.compile(r"add_(?:runtime_)?dependency\(?\s*(?:%q<|['\"])([\w.-]+)")
LIBRARY = re.compile(r"(.*/lib(?:64)?/(?:[\w-]+/)?ruby/\d+\.\d+\.\d+)/")
CONSOLE = frozenset({"irb", "irb.rb", "reline", "reline.rb", "readline", "readline.rb", "rdoc", "rdoc.rb"})
"""Of the standard library: the console, and what it shows. They come if a kept library loads it (`rails console`)."""
LEFT_OUT = CONSOLE | {"bundler", "ri", "debug", "mkmf.rb", "bundler.rb"}
"""Of the standard library: installers, documentation, the console."""
INSTALLER = "bundler"
"""A gem that offers consoles, which the app does not ask for."""
LOADS_CONSOLE = re.compile(r"^[ \t]*+require[ \t(]*+['\"]irb['\"]", re.MULTILINE)
VENDOR = re.compile(r".*/ruby/vendor_ruby$")
"""Where Debian's packages have libraries."""
RUBYGEMS = re.compile(r"(.*/ruby/vendor_ruby/rubygems)/")
"""RubyGems beside the standard library, as Debian has it."""
RESOLVER = ("available_set", "dependency_list", "request_set", "resolver", "source", "tsort", "util")
"""Beginnings of the files of RubyGems by which programs of gems start (`Gem.activate_bin_path`)."""
LOADED = re.compile(
    r"^[ \t]*+(?:require|gem|load|autoload[ \t(]++:\w++[ \t]*+,)[ \t(]*+['\"]([\w-][\w./-]*+)['\"]", re.MULTILINE
)
SOURCE = (".rb", ".ru", ".rake", ".erb", "/Rakefile", "/Gemfile")
MAX_SOURCE = 1 << 20
DEVELOPMENT = frozenset({"debug", "minitest", "power_assert", "rake", "rbs", "test-unit", "typeprof"})
"""Gems that come with Ruby, for tests and types."""
MAX_PLATFORMS = 64
PROGRAMS, MAX_PROGRAM = ("bin", "exe", "libexec"), 4 << 10
"""Directories of a gem's programs, and bytes of the script in PATH that starts one."""
TESTS = frozenset({"test", "tests", "spec", "doc", "examples", "features", "benchmark", ".github"})


class RubyGems(FileRule):
    """The rule."""

    def __init__(self, facts: AppFacts) -> None:
        super().__init__(facts)
        self._done: set[str] = set()
        self._places: dict[str, dict[str, str]] = {}
        self._libraries: list[RootPath] = []
        """Directories of the standard library that are kept, without the console."""
        self._has_console = False

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[RootPath] = []
        for path in self.new_files(kept):
            if self._is_own_source(path):
                found += self._loaded(path)
            elif match := GEM.match(path):
                found += self._gem(match[1], match[2], f"{match[2]}-{match[3]}")
                self._has_console = self._has_console or (match[2] != INSTALLER and self._loads_console(path))
            elif (match := RUBYGEMS.match(path)) and match[1] not in self._done:
                self._done.add(match[1])
                starts = tuple(f"{match[1]}/{name}" for name in RESOLVER)
                found += (one for one in self.facts.files_below(RootPath(match[1])) if one.startswith(starts))
            elif (match := LIBRARY.match(path)) and match[1] not in self._done:
                self._done.add(match[1])
                self._libraries.append(RootPath(match[1]))
                found += self._library(RootPath(match[1]))
        while self._has_console and self._libraries:
            found += self._console(self._libraries.pop())
        return found

    def _loads_console(self, path: RootPath) -> bool:
        return path.endswith(".rb") and bool(LOADS_CONSOLE.search(self.facts.rootfs.text(path, MAX_SOURCE)))

    def _console(self, top: RootPath) -> Iterator[RootPath]:
        for name in CONSOLE.intersection(self.facts.rootfs.children.get(top, ())):
            yield from (path for path in self.facts.files_below(child(top, name)) if "/rdoc/generator/" not in path)

    def _is_own_source(self, path: RootPath) -> bool:
        if "/gems/" in path or "/ruby/" in path:
            return False
        return path.endswith(SOURCE) or self.facts.script_program(path).startswith("ruby")

    def _loaded(self, path: RootPath) -> Iterator[RootPath]:
        """Yield the gems, and the files of Debian's packages, that a source of the app loads by name."""
        for name in sorted(set(LOADED.findall(self.facts.rootfs.text(path, MAX_SOURCE)))):
            for place, gem, directory in self._gems_by_top_name.get(name.partition("/")[0].removesuffix(".rb"), ()):
                yield from self._gem(place, gem, directory)
            files = (RootPath(f"{top}/{name.removesuffix('.rb')}.rb") for top in self._vendor_directories)
            yield from (file for file in files if file in self.facts.rootfs.entries)

    @cached_property
    def _vendor_directories(self) -> tuple[RootPath, ...]:
        return tuple(place for place in self.facts.rootfs.children if VENDOR.match(place))

    @cached_property
    def _gems_by_top_name(self) -> dict[str, list[tuple[str, str, str]]]:
        """Gems, as place, name and directory, by the names in their lib directories."""
        found: dict[str, list[tuple[str, str, str]]] = {}
        children = self.facts.rootfs.children
        for top in children:
            if top.endswith("/specifications"):
                place = top.removesuffix("/specifications")
                for name, directory in self._installed(place).items():
                    for one in children.get(RootPath(f"{place}/gems/{directory}/lib"), ()):
                        found.setdefault(one.removesuffix(".rb"), []).append((place, name, directory))
        return found

    def _gem(self, place: str, name: str, directory: str) -> Iterator[RootPath]:
        pending = [(place, name, directory)]
        while pending:
            place, name, directory = pending.pop()
            top = f"{place}/gems/{directory}"
            if top in self._done:
                continue
            self._done.add(top)
            specification = f"{place}/specifications/{directory}.gemspec"
            if RootPath(specification) in self.facts.rootfs.entries:
                yield RootPath(specification)
            for one in self.facts.rootfs.children.get(RootPath(top), ()):
                if one not in TESTS:
                    yield from self.facts.files_below(child(top, one))
            yield from self._extensions(place, directory)
            yield from self._programs(RootPath(top))
            installed = self._installed(place)
            needed = DEPENDENCY.findall(self.facts.rootfs.text(specification, MAX_TEXT))
            pending += ((place, one, installed[one]) for one in needed if one in installed)

    def _programs(self, top: RootPath) -> Iterator[RootPath]:
        """Yield the small scripts in PATH by which the programs of a gem start (`bundle`, `rake`)."""
        entries, children = self.facts.rootfs.entries, self.facts.rootfs.children
        names = {name for one in PROGRAMS for name in children.get(child(top, one), ())}
        for path in sorted(RootPath(f"{directory}/{name}") for directory in self.facts.search for name in names):
            if path in entries and entries[path].size <= MAX_PROGRAM:
                yield path

    def _installed(self, place: str) -> dict[str, str]:
        """Return {name: directory} of the gems in a place; of several versions the last one."""
        if place not in self._places:
            names = self.facts.rootfs.children.get(RootPath(f"{place}/gems"), ())
            matches = (match for name in names if (match := DIRECTORY.fullmatch(name)))
            self._places[place] = {match[1]: match[0] for match in matches}
        return self._places[place]

    def _extensions(self, place: str, directory: str) -> Iterator[RootPath]:
        """Yield the compiled parts of a gem: extensions/PLATFORM/VERSION OF RUBY/GEM."""
        children = self.facts.rootfs.children
        tops = [RootPath(f"{place}/extensions")]
        for _ in range(2):
            tops = [child(top, name) for top in tops for name in children.get(top, ())][:MAX_PLATFORMS]
        for top in tops:
            yield from self.facts.files_below(child(top, directory))

    def _library(self, top: RootPath) -> Iterator[RootPath]:
        for name in self.facts.rootfs.children.get(top, ()):
            if name not in LEFT_OUT:
                yield from self.facts.files_below(child(top, name))
        # Parts of the standard library are gems that come with Ruby: matrix, rexml, net-smtp ...
        prefix, _, version = top.rpartition("/")
        gems = f"{prefix}/gems/{version}"
        for name, directory in self._installed(gems).items():
            if name not in LEFT_OUT | DEVELOPMENT:
                yield from self._gem(gems, name, directory)
