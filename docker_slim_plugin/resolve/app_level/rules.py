"""The rules of the levels `app` and `package`, by name. Each can be turned off (`--no-hint NAME`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.plan import Reason, ReasonKind, Selection
from docker_slim_plugin.resolve.app_level.c_library import CharacterSets, ThreadEnds
from docker_slim_plugin.resolve.app_level.data_packages import DataPackages
from docker_slim_plugin.resolve.app_level.distribution_packages import DistributionPackages
from docker_slim_plugin.resolve.app_level.facts import AppFacts, Kept, Rule
from docker_slim_plugin.resolve.app_level.java import JavaRuntime
from docker_slim_plugin.resolve.app_level.library_packages import LibraryPackages
from docker_slim_plugin.resolve.app_level.library_trees import LibraryTrees
from docker_slim_plugin.resolve.app_level.named_in_config import NamedInConfig
from docker_slim_plugin.resolve.app_level.node import NodePackages
from docker_slim_plugin.resolve.app_level.own_files import OwnFiles
from docker_slim_plugin.resolve.app_level.perl import PerlModules
from docker_slim_plugin.resolve.app_level.php import PhpSources
from docker_slim_plugin.resolve.app_level.php_command import PhpCommand
from docker_slim_plugin.resolve.app_level.plugins import MODULE, PamModules, Plugins
from docker_slim_plugin.resolve.app_level.program_links import ProgramLinks
from docker_slim_plugin.resolve.app_level.python import PythonPackages
from docker_slim_plugin.resolve.app_level.ruby import RubyGems
from docker_slim_plugin.resolve.app_level.run_options import CertificateAuthorities, Locales, TimeZones
from docker_slim_plugin.resolve.app_level.shell_scripts import ScriptPrograms
from docker_slim_plugin.resolve.app_level.system_data import Fonts, SystemNames
from docker_slim_plugin.resolve.kept_set import Need

MAX_LIBRARIES = 16 << 20
"""Bytes of libraries that one module may bring which no run used, and no source names."""
PROGRAM_FACTOR = 2
"""A program may bring more: it is what a package was installed for."""
TOOL_FACTOR = 4
"""What belongs to a tool may bring more still: its formats are what the tool is for."""
BY_NAME = frozenset({"node", "perl", "python", "ruby"})
"""Rules for what sources load by name, at any price."""


class RuleKind(NamedTuple):
    """One rule: what it keeps, in words, and what makes it for an image."""

    summary: str
    make: Callable[[AppFacts], Rule]


RULES: Mapping[str, RuleKind] = {
    "app-files": RuleKind("the app's own files", OwnFiles),
    "packages": RuleKind("packages of the programs that ran", DistributionPackages),
    "data": RuleKind("packages of data that used ones depend on", DataPackages),
    "python": RuleKind("Python distributions and standard library", PythonPackages),
    "node": RuleKind("Node packages and their dependencies", NodePackages),
    "ruby": RuleKind("gems and standard library", RubyGems),
    "perl": RuleKind("Perl modules that kept code loads", PerlModules),
    "php": RuleKind("files that PHP includes, and Composer's packages", PhpSources),
    "php-command": RuleKind("the command of PHP", PhpCommand),
    "java": RuleKind("settings and tools of the Java runtime", JavaRuntime),
    "libraries": RuleKind("packages of libraries of languages", LibraryPackages),
    "library-trees": RuleKind("R packages and Erlang applications", LibraryTrees),
    "links": RuleKind("other names of kept programs", ProgramLinks),
    "commands": RuleKind("programs that kept scripts run", ScriptPrograms),
    "plugins": RuleKind("modules beside those that were loaded", Plugins),
    "threads": RuleKind("the library by which threads end", ThreadEnds),
    "charsets": RuleKind("character sets for programs that convert them", CharacterSets),
    "pam": RuleKind("login: PAM modules and shells", PamModules),
    "config-names": RuleKind("files that configuration names", NamedInConfig),
    "names": RuleKind("names of services, users and types", SystemNames),
    "fonts": RuleKind("fonts for programs that draw text", Fonts),
    "zones": RuleKind("time zones", TimeZones),
    "locales": RuleKind("locales", Locales),
    "authorities": RuleKind("certificate authorities", CertificateAuthorities),
}


class AppLevel:
    """The rules that apply to one image at the level of a selection."""

    def __init__(self, facts: AppFacts, selection: Selection) -> None:
        self.facts = facts
        self._priced: set[RootPath] = set()
        self._too_dear: set[RootPath] = set()
        kinds = {name: kind for name, kind in RULES.items() if name not in selection.hints_off}
        if selection.level == "package" and "packages" in kinds:
            whole = RuleKind("used packages, with what they depend on", partial(DistributionPackages, whole=True))
            kinds["packages"] = whole
        self.rules = {} if selection.level == "exact" else {name: kind.make(facts) for name, kind in kinds.items()}
        packages = self.rules.get("packages")
        self._tools = packages.tools if isinstance(packages, DistributionPackages) else frozenset()
        self.reasons = {name: Reason(ReasonKind.HINT, name, kind.summary) for name, kind in kinds.items()}

    def needs(self, kept: Kept) -> Iterator[Need]:
        """Yield what the rules add to the kept set."""
        for name, rule in self.rules.items():
            causes: Mapping[str, str] = getattr(rule, "causes", {})
            for path in rule.find(kept):
                if path not in kept and (name in BY_NAME or not self._is_too_dear(path, kept)):
                    yield Need(path, replace(self.reasons[name], cause=causes.get(path, "")))

    def _is_too_dear(self, path: str, kept: Kept) -> bool:
        """Tell whether a program or module that no run used would bring large libraries, and note it."""
        place = RootPath(path)
        if place in self._too_dear:
            return True
        if place in self._priced or not (MODULE.search(path) or "/bin/" in path or "/sbin/" in path):
            return False
        self._priced.add(place)
        most = MAX_LIBRARIES * (1 if MODULE.search(path) else PROGRAM_FACTOR)
        if not self._tools.isdisjoint(self.facts.packages.owners_of(place)):
            most = MAX_LIBRARIES * TOOL_FACTOR
        if self.facts.libraries_size(place, kept) > most:
            self._too_dear.add(place)
        return place in self._too_dear

    def notes(self) -> Iterator[str]:
        if self._too_dear:
            names = ", ".join(sorted(self._too_dear)[:3]) + (" ..." if len(self._too_dear) > 3 else "")
            yield (
                f"{len(self._too_dear)} programs and modules need libraries of more than {MAX_LIBRARIES >> 20} MB that "
                f"nothing else needs, and are left out: {names} (--keep keeps them)"
            )
        for rule in self.rules.values():
            yield from getattr(rule, "notes", ())
