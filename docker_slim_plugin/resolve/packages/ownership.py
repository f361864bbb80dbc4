"""Read which package owns each file of the image: dpkg, distroless, apk, rpm.

Databases are read in one pass, as bytes or lines. An image has 100,000s of lines in them, and they are not trusted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.packages.dependencies import DeclaredDependencies, find_closure
from docker_slim_plugin.resolve.packages.file_lists import FileOwners
from docker_slim_plugin.resolve.packages.metadata import rpm
from docker_slim_plugin.rootfs.index import Rootfs

DPKG_STATUS = "/var/lib/dpkg/status"
DPKG_INFO = RootPath("/var/lib/dpkg/info")
DISTROLESS = RootPath("/var/lib/dpkg/status.d")
APK = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
RPM = ("/var/lib/rpm", "/usr/lib/sysimage/rpm")
APK_BASE = ("alpine-baselayout", "alpine-baselayout-data", "musl", "busybox", "libc-utils", "apk-tools")
DIVERSIONS = "/var/lib/dpkg/diversions"
MAX_LIST = 64 << 20
ESSENTIAL_FIELD = re.compile(rb"^(?:Essential: yes|Priority: required)$", re.MULTILINE)
BASE_FIELD = re.compile(rb"^(?:Essential: yes|Priority: (?:required|important))$", re.MULTILINE)
CONFFILES = re.compile(rb"^Conffiles:\n((?: .*\n?)+)", re.MULTILINE)
LONG = re.compile(rb"^(Description:.*\n)(?: .*\n)+", re.MULTILINE)
CONFFILE_END = re.compile(r" [0-9a-f]{32}( obsolete| remove-on-upgrade)*$")
"""The end of a line in Conffiles, after the path. The path may contain blanks."""
DEPENDS = re.compile(rb"^(?:Pre-)?Depends: (.*)$", re.MULTILINE)
PROVIDES = re.compile(rb"^Provides: (.*)$", re.MULTILINE)
WORD = re.compile(rb"(?:^|[,|]) *([a-z0-9][a-z0-9+.-]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """The image's package database. A key is a name, or "libc6:amd64" if several architectures may be installed."""

    system: str = ""
    """dpkg, distroless, apk or rpm. Empty if the image has no package database."""
    owners: Mapping[RootPath, str] = field(default_factory=dict)
    """Package of each file that is not a directory."""
    co_owners: Mapping[RootPath, tuple[str, ...]] = field(default_factory=dict)
    """Further packages of files that have several owners."""
    diverted: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """For each diverted path, its real path and the package that keeps the original path (dpkg-divert(1))."""
    depends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The packages that each package needs for running."""
    base: frozenset[str] = frozenset()
    """Packages of the distribution's base set."""
    essential: frozenset[str] = frozenset()
    """Packages without which the distribution does not work. All others of the base set may be missing."""
    conffiles: frozenset[RootPath] = frozenset()
    database: tuple[RootPath, ...] = ()
    """The file from which `stanzas` were read. Several files for rpm and distroless."""
    stanzas: tuple[tuple[str, bytes], ...] = ()
    """The stanza of each package, verbatim, in the order of the file."""
    unreadable_reason: str = ""
    """Why the owners cannot be read from an rpm database."""

    def owners_of(self, path: RootPath) -> tuple[str, ...]:
        """Return the packages that own a file."""
        owner = self.owners.get(path)
        return () if owner is None else (owner, *self.co_owners.get(path, ()))

    def files(self, name: str) -> list[RootPath]:
        """Return the files of the package; [] if it owns none or is not installed."""
        return sorted(path for path, key in self.owners.items() if name in (key, package_name(key)))


def shorten_description(stanza: bytes) -> bytes:
    """Return a dpkg stanza in which the description has only the synopsis.

    Long descriptions are a third of the file. Queries and scanners do not need them, and a description may consist of
    the synopsis alone (deb-control(5)).
    """
    return LONG.sub(rb"\1", stanza)


def package_name(key: str) -> str:
    """Return the name of the package without its architecture."""
    return key.partition(":")[0]


def read(rootfs: Rootfs) -> Packages:
    """Return the package database of the image."""
    lists = [name for name in rootfs.children.get(DPKG_INFO, ()) if name.endswith(".list")]
    if rootfs.children.get(DISTROLESS) and not lists:
        return _read_distroless(rootfs)
    status = rootfs.walk(DPKG_STATUS).end
    if status is not None:
        return _read_dpkg(rootfs, status, [name[: -len(".list")] for name in lists])
    for place in APK:
        installed = rootfs.walk(place).end
        if installed is not None:
            return _read_apk(rootfs, installed)
    kinds = (EntryKind.FILE, EntryKind.SYMLINK)
    found = tuple(entry.path for top in RPM for entry in rootfs.below(RootPath(top)) if entry.kind in kinds)
    return _read_rpm(rootfs, found) if found else Packages()


def _read_dpkg(rootfs: Rootfs, status: RootPath, listed: list[str]) -> Packages:
    owners = FileOwners(rootfs)
    diverted = _read_diversions(rootfs)
    for key in listed:
        paths = rootfs.text(f"{DPKG_INFO}/{key}.list", MAX_LIST).split("\n")
        owners.add_paths(key, (resolve_diversion(path, key, diverted) for path in paths))
    known = set(listed)
    stanzas: list[tuple[str, bytes]] = []
    declared = DeclaredDependencies()
    base: list[str] = []
    essential: list[str] = []
    conffiles: set[RootPath] = set()
    for stanza in split_stanzas(rootfs.read(status, MAX_LIST)):
        name = read_field(stanza, b"Package")
        key = name if name in known else f"{name}:{read_field(stanza, b'Architecture')}"
        stanzas.append((key, stanza))
        declared.add(key, (name, *_names(PROVIDES, stanza)), _names(DEPENDS, stanza))
        if BASE_FIELD.search(stanza):
            base.append(key)
        if ESSENTIAL_FIELD.search(stanza):
            essential.append(key)
        for block in CONFFILES.findall(stanza):
            lines = (CONFFILE_END.sub("", line[1:]) for line in _lines(block))
            conffiles.update(path for line in lines if (path := owners.spelling.file(line)) is not None)
    depends = declared.resolve()
    return Packages(
        system="dpkg",
        owners=owners.owners,
        co_owners=owners.co_owners,
        diverted=diverted,
        depends=depends,
        base=frozenset(find_closure(base, depends)),
        essential=frozenset(find_closure(essential, depends)),
        conffiles=frozenset(conffiles),
        database=(status,),
        stanzas=tuple(stanzas),
    )


def _read_diversions(rootfs: Rootfs) -> dict[str, tuple[str, str]]:
    lines = rootfs.text(DIVERSIONS, MAX_LIST).split("\n")
    return {path: (other, package) for path, other, package in zip(lines[::3], lines[1::3], lines[2::3], strict=False)}


def resolve_diversion(path: str, key: str, diverted: Mapping[str, tuple[str, str]]) -> str:
    """Return the real path of a file that the file list of package `key` calls `path`."""
    other, package = diverted.get(path, (path, ""))
    return path if package == package_name(key) else other


def _names(field: re.Pattern[bytes], stanza: bytes) -> list[str]:
    """Return the packages that fields of a dpkg stanza name, alternatives among them (deb-control(5))."""
    return [os.fsdecode(word) for line in field.findall(stanza) for word in WORD.findall(line)]


def _read_distroless(rootfs: Rootfs) -> Packages:
    """Return what /var/lib/dpkg/status.d contains: a control file and md5sums for each package."""
    owners = FileOwners(rootfs)
    base: set[str] = set()
    names = [name for name in rootfs.children[DISTROLESS] if not name.endswith(".md5sums")]
    for key in names:
        lines = _lines(rootfs.read(f"{DISTROLESS}/{key}.md5sums", MAX_LIST))
        owners.add_paths(key, ("/" + line.partition("  ")[2].removeprefix("./") for line in lines))
        if BASE_FIELD.search(rootfs.read(f"{DISTROLESS}/{key}", MAX_LIST)):
            base.add(key)
    files = tuple(entry.path for entry in rootfs.below(DISTROLESS) if entry.kind is EntryKind.FILE)
    return Packages(
        system="distroless",
        owners=owners.owners,
        co_owners=owners.co_owners,
        base=frozenset(base),
        essential=frozenset(base),
        database=files,
    )


def _read_apk(rootfs: Rootfs, installed: RootPath) -> Packages:
    owners = FileOwners(rootfs)
    stanzas: list[tuple[str, bytes]] = []
    declared = DeclaredDependencies()
    for stanza in split_stanzas(rootfs.read(installed, MAX_LIST)):
        key, directory, paths = "", "", []
        provided: list[str] = []
        required: list[str] = []
        for line in _lines(stanza):
            tag, value = line[:2], line[2:]
            if tag == "P:":
                key = value
            elif tag == "F:":
                directory = value
            elif tag == "R:":
                paths.append(f"/{directory}/{value}" if directory else f"/{value}")
            elif tag == "p:":
                provided += map(_strip_apk_version, value.split())
            elif tag == "D:":
                required += (_strip_apk_version(word) for word in value.split() if not word.startswith("!"))
        owners.add_paths(key, paths)
        declared.add(key, (key, *provided), required)
        stanzas.append((key, stanza))
    depends = declared.resolve(owners.of)
    base = frozenset(find_closure(depends.keys() & set(APK_BASE), depends))
    return Packages(
        system="apk",
        owners=owners.owners,
        co_owners=owners.co_owners,
        depends=depends,
        base=base,
        essential=base,
        database=(installed,),
        stanzas=tuple(stanzas),
    )


def _read_rpm(rootfs: Rootfs, database: tuple[RootPath, ...]) -> Packages:
    owners = FileOwners(rootfs)
    place = rpm.find_database(database)
    if place is None:
        return Packages(system="rpm", database=database, unreadable_reason="it has an older format than sqlite")
    journal = rootfs.entries.get(RootPath(f"{place}-wal"))
    if journal is not None and journal.size:
        return Packages(
            system="rpm", database=database, unreadable_reason="it has a write-ahead log that is not merged yet"
        )
    declared = DeclaredDependencies()
    try:
        with rpm.open_copy(rootfs.read(place, rpm.MAX_BYTES + 1)) as connection:
            for key, header in rpm.read_headers(connection):
                files = (owners.spelling.file_in(directory, name) for directory, name in header.files())
                owners.add_files(key, files)
                declared.add(key, (header.name, *header.provided()), header.required())
    except rpm.ERRORS as error:
        return Packages(system="rpm", database=database, unreadable_reason=str(error))
    return Packages(
        system="rpm",
        owners=owners.owners,
        co_owners=owners.co_owners,
        depends=declared.resolve(owners.of),
        database=database,
    )


def _strip_apk_version(word: str) -> str:
    return re.split(r"[<>=~]", word, maxsplit=1)[0]


def split_stanzas(raw: bytes) -> Iterator[bytes]:
    """Yield the stanzas of a dpkg or apk database, each with the empty line after it."""
    for part in raw.split(b"\n\n"):
        text = part.strip(b"\n")
        if text:
            yield text + b"\n\n"


def read_field(stanza: bytes, name: bytes) -> str:
    """Return the value of a field, or "" if there is none. `name` is a regular expression."""
    match = re.search(rb"^" + name + rb": *(.*)$", stanza, re.MULTILINE)
    return os.fsdecode(match[1]) if match else ""


def _lines(raw: bytes) -> list[str]:
    return os.fsdecode(raw).split("\n")
