"""Find the specifications of Ruby gems, and which of the gems are present.

RubyGems reads the specification of every gem at each start, so a read does not show that the app needs the gem. A
specification is kept if the gem's code is kept, if a kept gem depends on it, or if a Gemfile.lock that was read names
it: RubyGems and Bundler refuse to start otherwise.

The files of an installed gem are in a directory of its own. Those of default gems are in Ruby's own library, and the
specification lists them. Distributions install them in several directories, and the owner package lists them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.packages.metadata.description import PackageMetadata
from docker_slim_plugin.resolve.packages.metadata.sources import Sources

MAX_GEMS_PER_PACKAGE = 200
"""Most gems in one distribution package for which its files are told apart."""
LOCKS = ("/Gemfile.lock", "/gems.locked")
_PLACE = re.compile(r"(?P<home>.*)/specifications/(?P<default>default/)?(?P<full>[^/]+)\.gemspec", re.DOTALL)
_LIBRARY = re.compile(r".*/ruby/(?P<version>\d+\.\d+\.\d+)/(?:[^/]*linux[^/]*/)?(?P<name>.+)", re.DOTALL)
_EXTENSION = re.compile(r"(?P<home>.*)/extensions/[^/]+/[^/]+/(?P<full>[^/]+)/", re.DOTALL)
_STUB = re.compile(r"^# stub: (\S+) ", re.MULTILINE)
_STRING = re.compile(r'"([^"\\\n]*)"')
_DEPENDENCY = re.compile(
    r"\.(add_(?:runtime_|development_)?dependency)\(? ?(?:%q<([^>\n]{1,255})>|[\"']([^\"'\n]{1,255})[\"'])"
)
_LOCKED = re.compile(r"^    ([^\s(]+) \(([^()\s]+)\)\r?$", re.MULTILINE)
_PLAIN = ("README", "LICENSE", "COPYING", "CHANGELOG", "Gemfile", "Rakefile")


@dataclass(frozen=True, slots=True)
class _Gem:
    path: RootPath
    name: str
    full: str
    dependencies: frozenset[str]
    is_present: bool


def find(sources: Sources, was_read: Callable[[RootPath], bool]) -> Iterator[PackageMetadata]:
    """Yield every gem of the image. `was_read` returns whether the run has opened a file."""
    entries = sources.rootfs.entries
    places = [match for path in sorted(entries) if (match := _PLACE.fullmatch(path))]
    finder = _GemFinder(sources, places)
    gems = [finder.read_gem(match) for match in places if entries[RootPath(match[0])].kind is EntryKind.FILE]
    locks = [path for path in sources.code if path.endswith(LOCKS) and was_read(path)]
    locked_gems = {name for path in locks for name in _parse_lock(sources.metadata_reader.read(path) or b"")}
    needed = _find_required(gems, locked_gems)
    for gem in gems:
        yield PackageMetadata(
            is_present=gem.is_present,
            files=(gem.path,),
            kept_files=(gem.path,),
            is_read_at_start=True,
            is_required=gem.path in needed,
        )


def _find_required(gems: list[_Gem], locked_gems: Collection[str]) -> set[RootPath]:
    """Return the gems without which a present gem cannot be activated.

    If some gems of one name are present, these fulfil the dependency.
    """
    gems_by_name: dict[str, list[_Gem]] = {}
    for gem in gems:
        gems_by_name.setdefault(gem.name, []).append(gem)
    pending = [gem for gem in gems if gem.is_present or gem.full in locked_gems]
    found = {gem.path for gem in pending}
    seen: set[str] = set()
    while pending:
        for name in pending.pop().dependencies - seen:
            seen.add(name)
            candidates = gems_by_name.get(name, [])
            more = [] if any(gem.path in found for gem in candidates) else candidates
            found |= {gem.path for gem in more}
            pending += more
    return found


def _parse_lock(content: bytes) -> Iterator[str]:
    for name, version in _LOCKED.findall(content.decode(errors="surrogateescape")):
        yield f"{name}-{version}"


class _GemFinder:
    def __init__(self, sources: Sources, places: Iterable[re.Match[str]]) -> None:
        self._sources = sources
        packages, code = sources.packages, sources.code
        matches = (_LIBRARY.fullmatch(path) for path in code)
        self._library = {(match["version"], match["name"]) for match in matches if match}
        matches = (_EXTENSION.match(path) for path in code)
        self._built_extensions = {(match["home"], match["full"]) for match in matches if match}
        self._gems_per_package = Counter(packages.owners.get(RootPath(match[0])) for match in places)
        self._owned: dict[str, list[RootPath]] = {}
        for path in code:
            for owner in packages.owners_of(path):
                self._owned.setdefault(owner, []).append(path)

    def read_gem(self, match: re.Match[str]) -> _Gem:
        path = RootPath(match[0])
        text = (self._sources.metadata_reader.read(path) or b"").decode(errors="surrogateescape")
        full = match["full"]
        stub = _STUB.search(text)
        name = stub[1] if stub else full.rpartition("-")[0]
        gem = _Gem(path, name, full, _parse_dependencies(text), is_present=False)
        present = self._is_present(gem, match["home"], text, default=match["default"] is not None)
        return replace(gem, is_present=present)

    def _is_present(self, gem: _Gem, home: str, text: str, *, default: bool) -> bool:
        own = RootPath(f"{home}/gems/{gem.full}")
        if self._sources.code.has_below(own) or (home, gem.full) in self._built_extensions:
            return True
        if default:
            # It may also have a directory of its own, but only for its programs.
            version = home.rpartition("/")[2]
            return any((version, name) in self._library for name in _parse_files(text))
        owner = self._sources.packages.owners.get(gem.path)
        has_own = any(entry.kind is not EntryKind.DIRECTORY for entry in self._sources.rootfs.below(own))
        if owner is None or has_own:
            return False
        owned = self._owned.get(owner, [])
        mark = re.compile(rf"/{re.escape(gem.name.replace('-', '/'))}(?:/|\.rb$|\.so$)")
        if self._gems_per_package[owner] == 1 or self._gems_per_package[owner] > MAX_GEMS_PER_PACKAGE:
            return owner in self._sources.code.packages
        return any(mark.search(path) for path in owned)


def _parse_files(text: str) -> list[str]:
    """Return the files of a specification, relative to Ruby's library."""
    begin = text.find(".files = [")
    end = text.find("]", begin)
    names = _STRING.findall(text[begin:end]) if 0 <= begin < end else []
    return [name.removeprefix("lib/") for name in names if not name.startswith(_PLAIN)]


def _parse_dependencies(text: str) -> frozenset[str]:
    """Return the gems that a gem needs at run time.

    Specifications for an old RubyGems list development dependencies a second time as ordinary ones; these are left out.
    """
    found = [(how, quoted or word) for how, quoted, word in _DEPENDENCY.findall(text)]
    development = {name for how, name in found if how == "add_development_dependency"}
    return frozenset(name for _, name in found if name not in development)
