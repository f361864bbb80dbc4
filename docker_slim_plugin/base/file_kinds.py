"""Kinds of files that a base image can do without, as path patterns in dpkg's syntax.

The same patterns select what is dropped now and what dpkg leaves out of later installs (dpkg(1), --path-exclude). A
wildcard matches slashes too, and the last matching pattern decides. The patterns are those of Debian's slim images, and
those that localepurge removes, without man pages and documents in the user's language.
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


# The IBM*.so of glibc in which a blank is 0x40. The others are character sets of PCs and contain ASCII.
_EBCDIC = (
    *("03[78]", "102[56]", "1047", "1097", "1112", "112[23]", "113[027]", "114?", "115?", "116[046]", "12712", "13??"),
    *("16804", "2??", "42[034]", "4517", "4899", "4971", "500", "803", "87[015]", "880", "9030", "905", "918"),
    "93[03579]",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKind:
    """One kind of files that can be dropped."""

    name: str
    description: str
    drop: tuple[str, ...]
    keep: tuple[str, ...] = ()
    is_excluded_later: bool = False
    """Whether packages that are installed later leave such files out."""
    removes_directories: bool = True
    """Whether directories are removed if they become empty. Users of a cache need its directory."""
    is_default: bool = True
    """Whether it is dropped by default. Files that programs may need are not."""
    needed_by: str = ""
    """Programs that need such files, as a regular expression for paths. If one exists, the files stay."""


KINDS = (
    FileKind(
        name="docs",
        description="documentation, but no copyright file",
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
        # Perl's "use diagnostics" reads perldiag.pod.
        keep=("/usr/share/doc/*/copyright", "/usr/share/perl/*/pod/perldiag.pod"),
        is_excluded_later=True,
    ),
    FileKind(name="man", description="man pages", drop=("/usr/share/man/*",), is_excluded_later=True),
    FileKind(name="info", description="info pages", drop=("/usr/share/info/*",), is_excluded_later=True),
    FileKind(
        name="locales",
        description="translated messages",
        drop=("/usr/share/locale/*",),
        keep=("/usr/share/locale/locale.alias",),
        is_excluded_later=True,
    ),
    # The packages "locales" and tzdata need these two if they are installed later.
    FileKind(name="i18n", description="sources of locales", drop=("/usr/share/i18n/*",)),
    FileKind(
        name="zoneinfo",
        description="time zones, but UTC and the image's own",
        drop=("/usr/share/zoneinfo/*",),
        keep=("/usr/share/zoneinfo/UTC", "/usr/share/zoneinfo/Etc/UTC"),
    ),
    FileKind(name="lists", description="package lists", drop=("/var/lib/apt/lists/*",), removes_directories=False),
    FileKind(
        name="caches",
        description="package caches and old copies",
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
        removes_directories=False,
    ),
    FileKind(
        name="logs",
        description="logs of the package manager",
        drop=(
            "/var/log/apt/*",
            "/var/log/dpkg.log*",
            "/var/log/alternatives.log*",
            "/var/log/bootstrap.log",
            "/var/log/fontconfig.log",
        ),
        removes_directories=False,
    ),
    FileKind(name="pycache", description="Python's compiled copies", drop=("/usr/*/__pycache__/*.pyc",)),
    # These are the modules that glibc calls extra. Other distributions have a separate package for them.
    FileKind(
        name="gconv",
        description="character sets, all but Unicode and Latin 1",
        drop=("/usr/lib/*/gconv/*.so",),
        keep=tuple(
            f"/usr/lib/*/gconv/{name}.so"
            for name in ("ANSI_X3.110", "CP1252", "ISO8859-1", "ISO8859-15", "UNICODE", "UTF-16", "UTF-32", "UTF-7")
        ),
        is_default=False,
    ),
    FileKind(
        name="ebcdic",
        description="character sets of mainframes",
        drop=tuple(f"/usr/lib/*/gconv/{name}.so" for name in ("EBCDIC-*", *(f"IBM{number}" for number in _EBCDIC))),
    ),
    FileKind(
        name="headers",
        description="all C headers",
        drop=("/usr/include/*", "/usr/lib/*/perl/*/CORE/*.h"),
        is_default=False,
    ),
    # Other headers are in development packages. These are part of a package that is needed to run Perl.
    FileKind(
        name="perl-headers",
        description="Perl's C headers, where no compiler is",
        drop=("/usr/lib/*/perl/*/CORE/*.h",),
        needed_by=r"/usr/(local/)?bin/([\w.-]+-)?(cc|gcc|clang|tcc)(-[\d.]+)?",
    ),
    FileKind(
        name="completions",
        description="completions of shells",
        drop=(
            "/usr/share/bash-completion/completions/*",
            "/usr/share/fish/vendor_completions.d/*",
            "/usr/share/zsh/vendor-completions/*",
        ),
        is_default=False,
    ),
)
NAMES = tuple(kind.name for kind in KINDS)
DEFAULTS = tuple(kind.name for kind in KINDS if kind.is_default)
LOCALIZED_MAN = ("/usr/share/man/[a-z][a-z]/*", "/usr/share/man/[a-z][a-z][_.@]*", "/usr/share/man/[a-z][a-z][a-z]/*")


class Rule(NamedTuple):
    """One pattern. If several match, the last one decides."""

    pattern: str
    kind: FileKind
    keeps: bool = False


def make_rules(chosen: Collection[str], locales: Sequence[str] = ()) -> tuple[Rule, ...]:
    """Return the rules of the chosen kinds, in order. Files of `locales`, and what is needed to make them, are kept."""
    found: list[Rule] = []
    for kind in KINDS:
        if kind.name not in chosen or (kind.name == "i18n" and locales):
            continue
        drop, keep = kind.drop, kind.keep
        if kind.name == "locales":
            drop += () if "man" in chosen else LOCALIZED_MAN
            keep += tuple(_locale_patterns(locales, ("/usr/share/locale",) if "man" in chosen else _MESSAGE_TREES))
        found += [Rule(pattern, kind) for pattern in drop]
        found += [Rule(pattern, kind, keeps=True) for pattern in keep]
    return tuple(found)


def find_needed_kinds(chosen: Collection[str], paths: Iterable[str]) -> dict[str, str]:
    """Return, for chosen kinds whose files a program needs, the path of that program by the name of the kind."""
    users = {kind.name: re.compile(kind.needed_by) for kind in KINDS if kind.name in chosen and kind.needed_by}
    there = {name: min(filter(pattern.fullmatch, paths), default="") for name, pattern in users.items()}
    return {name: path for name, path in there.items() if path}


_MESSAGE_TREES = ("/usr/share/locale", "/usr/share/man")


def _locale_patterns(locales: Sequence[str], places: Sequence[str]) -> Iterator[str]:
    for locale in locales:
        match = LOCALE.fullmatch(locale)
        if match is None:
            raise UsageError(f"cannot read the locale {locale!r}", hint="--keep-locale de,pt_BR,sr@latin")
        language, territory, modifier = match["language"], match["territory"], match["modifier"] or ""
        # A program that finds no catalog for de_AT uses de (gettext manual, "Locating Catalogs").
        names = [f"{language}_{territory}{modifier}", language] if territory else [f"{language}{modifier}"]
        names += [f"{language}_*", f"{language}@*"] if not territory and not modifier else []
        for place in places:
            yield from (f"{place}/{name}/*" for name in dict.fromkeys(names))


def make_dpkg_exclusions(found: Sequence[Rule]) -> str:
    """Return dpkg's configuration for later installs, or "" if no rule applies to them."""
    lines = [
        f"path-{'include' if rule.keeps else 'exclude'}={rule.pattern}" for rule in found if rule.kind.is_excluded_later
    ]
    return HEADER + "\n".join(lines) + "\n" if lines else ""


class KindMatcher:
    """Finds the kind to which a path belongs."""

    def __init__(self, found: Sequence[Rule]) -> None:
        self._rules = [(re.compile(fnmatch.translate(rule.pattern)).match, rule) for rule in reversed(found)]

    def __call__(self, path: str) -> FileKind | None:
        """Return the kind, or None if the path stays."""
        if path.startswith(("/usr/", "/var/")):
            for matches, rule in self._rules:
                if matches(path):
                    return None if rule.keeps else rule.kind
        return None

    def is_kept(self, path: str) -> bool:
        """Return whether a rule explicitly keeps the path."""
        for matches, rule in self._rules:
            if matches(path):
                return rule.keeps
        return False
