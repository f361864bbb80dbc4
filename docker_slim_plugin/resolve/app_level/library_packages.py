"""Libraries of languages that distribution packages brought: a package of which the run used a file is whole.

A library loads its own parts when they are asked for: template engines, encodings, drivers, formats. The packages that
it depends on come too, if they have libraries of the same language.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.app_level.distribution_packages import LEFT_OUT
from docker_slim_plugin.resolve.app_level.facts import AppFacts, FileRule, Kept
from docker_slim_plugin.resolve.packages.ownership import package_name

TREES = (
    ("/vendor_ruby/", "/rubygems-integration/"),
    ("/share/perl5/", "/perl5/"),
    ("/share/php/",),
    ("/share/lua/", "/lua/5."),
    ("/tcltk/",),
    ("/share/java/", "/share/maven-repo/"),
    ("/share/guile/",),
)
"""Parts of the paths of each language's libraries, as distributions lay them. Node's have manifests, which say more."""
PARTS = tuple(part for parts in TREES for part in parts)
MAX_PACKAGE = 16 << 20
"""Bytes of a package that comes as a whole. Larger ones are kept by need."""
LOADERS = frozenset({"perl", "php", "ruby"})
"""Rules that find what kept sources load. The packages of that are whole, too."""
INTERPRETERS = re.compile(
    r"(?:lib)?(?:python|perl|ruby|php|lua|tcl|tk|node|guile)(?:js)?[\d.]*(?:-(?:base|minimal|stdlib|modules-[\d.]+|common|cli|fpm))?"
    r"|openjdk-.*|ruby-rubygems|rubygems-integration|(?:ruby-)?bundler|rake"
)
"""Interpreters with their own libraries, and installers: the rules of the languages know what is needed of them."""
DEVELOPMENT = ("-dev", "-doc", "-dbg")


class LibraryPackages(FileRule):
    """The rule."""

    def __init__(self, facts: AppFacts) -> None:
        super().__init__(facts)
        self._done: set[str] = set()

    def find(self, kept: Kept) -> Iterable[str]:
        found: list[RootPath] = []
        for path in self.new_files(kept, *PARTS):
            if path in self.facts.used or any(one.by in LOADERS for one in kept[path]):
                for key in self.facts.packages.owners_of(path):
                    tree = next(parts for parts in TREES if any(part in path for part in parts))
                    found += self._whole(key, tree)
        return found

    def _whole(self, key: str, tree: tuple[str, ...]) -> Iterator[RootPath]:
        pending = [key]
        while pending:
            key = pending.pop()
            name = package_name(key)
            if key in self._done or key in self.facts.packages.base:
                continue
            self._done.add(key)
            if INTERPRETERS.fullmatch(name) or name.endswith(DEVELOPMENT):
                continue
            files = [path for path in self.facts.package_files(key) if not LEFT_OUT.search(path)]
            if not any(part in path for path in files for part in tree) or self.facts.size_of(files) > MAX_PACKAGE:
                continue
            pending += self.facts.packages.depends.get(key, ())
            yield from files
