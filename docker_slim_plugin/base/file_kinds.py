"""What a base image can do without, by kind: knowledge of distributions, as patterns that dpkg understands.

The same patterns say what is dropped now and what dpkg is to leave out of later installs (dpkg(1), --path-exclude): a
wildcard matches slashes too, and the last pattern that matches a path decides. They are Debian's own for its slim
images, and what localepurge removes, but for man pages and documents in one's own language.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from docker_slim_plugin.errors import UsageError

LOCALE = re.compile(r"(?P<language>[a-z]{2,3})(?:_(?P<territory>[A-Z]{2}))?(?:\.[\w-]+)?(?P<modifier>@[a-z]+)?")
HEADER = """\
# Written by docker slim base: what packages leave out when they are installed.
# To have such files again, remove their lines here, and: apt-get install --reinstall PACKAGE
"""


# Of glibc's IBM*.so, those where a blank is 0x40; the others are of PCs and contain ASCII.
_EBCDIC = (
    *("03[78]", "102[56]", "1047", "1097", "1112", "112[23]", "113[027]", "114?", "115?", "116[046]", "12712", "13??"),
    *("16804", "2??", "42[034]", "4517", "4899", "4971", "500", "803", "87[015]", "880", "9030", "905", "918"),
    "93[03579]",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One sort of files that can go."""

    name: str
    what: str
    drop: tuple[str, ...]
    keep: tuple[str, ...] = ()
    later: bool = False
    """Whether packages are to leave such files out when they are installed later."""
    whole: bool = True
    """Whether directories go too when they become empty; who uses a cache wants its directory."""
    usual: bool = True
    """Whether it is dropped unasked; what programs may miss is not."""
    users: str = ""
    """Programs that want such files, as a regular expression of paths: where one is there, the files stay."""


KINDS = (
    Kind(
        name="docs",
        what="documentation, but no copyright file",
        drop=(
            "/usr/share/doc/*",
            "/usr/share/doc-base/*",
            "/usr/share/gtk-doc/*",
            "/usr/share/help/*",
            "/usr/share/gnome/help/*",
            "/usr/share/omf/*",
            "/usr/share/lintian/*",
            "/usr/share/linda/*",
            "/usr/share/perl*/*.pod",
            "/usr/lib/*/perl*/*.pod",
        ),
        # Perl's own "use diagnostics" reads perldiag.pod.
        keep=("/usr/share/doc/*/copyright", "/usr/share/perl/*/pod/perldiag.pod"),
        later=True,
    ),
    Kind(name="man", what="man pages", drop=("/usr/share/man/*",), later=True),
    Kind(name="info", what="info pages", drop=("/usr/share/info/*",), later=True),
    Kind(
        name="locales",
        what="translated messages",
        drop=("/usr/share/locale/*",),
        keep=("/usr/share/locale/locale.alias",),
        later=True,
    ),
    # Who installs the package "locales" later, and who reinstalls tzdata, wants these two.
    Kind(name="i18n", what="sources of locales", drop=("/usr/share/i18n/*",)),
    Kind(
        name="zoneinfo",
        what="time zones, but UTC and the image's own",
        drop=("/usr/share/zoneinfo/*",),
        keep=("/usr/share/zoneinfo/UTC", "/usr/share/zoneinfo/Etc/UTC"),
    ),
    Kind(name="lists", what="package lists", drop=("/var/lib/apt/lists/*",), whole=False),
    Kind(
        name="caches",
        what="package caches and old copies",
        drop=(
            "/var/cache/apt/*",
            "/var/cache/man/*",
            "/var/cache/ldconfig/aux-cache",
            "/var/cache/debconf/*-old",
            "/var/lib/dpkg/available-old",
            "/var/lib/dpkg/diversions-old",
            "/var/lib/dpkg/statoverride-old",
            "/var/lib/dpkg/status-old",
        ),
        whole=False,
    ),
    Kind(
        name="logs",
        what="logs of the package manager",
        drop=(
            "/var/log/apt/*",
            "/var/log/dpkg.log*",
            "/var/log/alternatives.log*",
            "/var/log/bootstrap.log",
            "/var/log/fontconfig.log",
        ),
        whole=False,
    ),
    Kind(name="pycache", what="Python's compiled copies", drop=("/usr/*/__pycache__/*.pyc",)),
    # The same that glibc itself calls extra, and other distributions put into a package of its own.
    Kind(
        name="gconv",
        what="character sets, all but Unicode and Latin 1",
        drop=("/usr/lib/*/gconv/*.so",),
        keep=tuple(
            f"/usr/lib/*/gconv/{name}.so"
            for name in ("ANSI_X3.110", "CP1252", "ISO8859-1", "ISO8859-15", "UNICODE", "UTF-16", "UTF-32", "UTF-7")
        ),
        usual=False,
    ),
    Kind(
        name="ebcdic",
        what="character sets of mainframes",
        drop=tuple(f"/usr/lib/*/gconv/{name}.so" for name in ("EBCDIC-*", *(f"IBM{number}" for number in _EBCDIC))),
    ),
    Kind(
        name="headers",
        what="all C headers",
        drop=("/usr/include/*", "/usr/lib/*/perl/*/CORE/*.h"),
        usual=False,
    ),
    # Other headers are in packages for development; these come with what is needed to run Perl.
    Kind(
        name="perl-headers",
        what="Perl's C headers, where no compiler is",
        drop=("/usr/lib/*/perl/*/CORE/*.h",),
        users=r"/usr/(local/)?bin/([\w.-]+-)?(cc|gcc|clang|tcc)(-[\d.]+)?",
    ),
    Kind(
        name="completions",
        what="completions of shells",
        drop=(
            "/usr/share/bash-completion/completions/*",
            "/usr/share/fish/vendor_completions.d/*",
            "/usr/share/zsh/vendor-completions/*",
        ),
        usual=False,
    ),
)
NAMES = tuple(kind.name for kind in KINDS)
USUAL = tuple(kind.name for kind in KINDS if kind.usual)
LOCALIZED_MAN = ("/usr/share/man/[a-z][a-z]/*", "/usr/share/man/[a-z][a-z][_.@]*", "/usr/share/man/[a-z][a-z][a-z]/*")


class Rule(NamedTuple):
    """One pattern; of several that match, the last decides."""

    pattern: str
    kind: Kind
    keeps: bool = False

    @property
    def line(self) -> str:
        """The rule in dpkg's words."""
        return f"path-{'include' if self.keeps else 'exclude'}={self.pattern}"


def rules(chosen: Collection[str], locales: Sequence[str] = ()) -> tuple[Rule, ...]:
    """Return the rules of the chosen kinds, in order; `locales` are kept, and what is needed to make them."""
    found: list[Rule] = []
    for kind in KINDS:
        if kind.name not in chosen or (kind.name == "i18n" and locales):
            continue
        drop, keep = kind.drop, kind.keep
        if kind.name == "locales":
            drop += () if "man" in chosen else LOCALIZED_MAN
            keep += tuple(_patterns(locales, ("/usr/share/locale",) if "man" in chosen else _PLACES))
        found += [Rule(pattern, kind) for pattern in drop]
        found += [Rule(pattern, kind, keeps=True) for pattern in keep]
    return tuple(found)


def wanted(chosen: Collection[str], paths: Iterable[str]) -> dict[str, str]:
    """Return {kind: a program among the paths that wants its files} for those of the chosen kinds that have one."""
    users = {kind.name: re.compile(kind.users) for kind in KINDS if kind.name in chosen and kind.users}
    there = {name: min(filter(pattern.fullmatch, paths), default="") for name, pattern in users.items()}
    return {name: path for name, path in there.items() if path}


_PLACES = ("/usr/share/locale", "/usr/share/man")


def _patterns(locales: Sequence[str], places: Sequence[str]) -> Iterator[str]:
    for locale in locales:
        match = LOCALE.fullmatch(locale)
        if match is None:
            raise UsageError(f"cannot read the locale {locale!r}", hint="--keep-locale de,pt_BR,sr@latin")
        language, territory, modifier = match["language"], match["territory"], match["modifier"] or ""
        # A program that finds no de_AT takes de: gettext, "Locating Catalogs".
        names = [f"{language}_{territory}{modifier}", language] if territory else [f"{language}{modifier}"]
        names += [f"{language}_*", f"{language}@*"] if not territory and not modifier else []
        for place in places:
            yield from (f"{place}/{name}/*" for name in dict.fromkeys(names))


def exclusions(found: Sequence[Rule]) -> str:
    """Return dpkg's configuration for later installs; empty when the rules say nothing about them."""
    lines = [rule.line for rule in found if rule.kind.later]
    return HEADER + "\n".join(lines) + "\n" if lines else ""


class Judge:
    """Tells which kind of the dispensable a path is."""

    def __init__(self, found: Sequence[Rule]) -> None:
        self._rules = [(re.compile(fnmatch.translate(rule.pattern)).match, rule) for rule in reversed(found)]

    def __call__(self, path: str) -> Kind | None:
        """Return the kind, or None when the path is to stay."""
        if path.startswith(("/usr/", "/var/")):
            for matches, rule in self._rules:
                if matches(path):
                    return None if rule.keeps else rule.kind
        return None

    def kept(self, path: str) -> bool:
        """Tell whether a rule names the path as one to keep."""
        for matches, rule in self._rules:
            if matches(path):
                return rule.keeps
        return False
