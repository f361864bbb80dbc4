"""Names and versions of the distribution's packages: dpkg, distroless, apk, rpm."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.inventory import PackageKind, PackageRecord
from docker_slim_plugin.resolve.inventory.kept_files import KeptFiles, clean
from docker_slim_plugin.resolve.packages.metadata import rpm
from docker_slim_plugin.resolve.packages.metadata.presence import KeptCode
from docker_slim_plugin.resolve.packages.ownership import DISTROLESS, MAX_LIST, Packages, read_field
from docker_slim_plugin.rootfs.index import Rootfs

NO_VERSION = "the package database has no version of it"
_SOURCE = re.compile(r"(\S+)(?: \((\S+)\))?")
_COMPILED = re.compile(r"(.*/)__pycache__/([^/.]+)\.[^/]+\.pyc", re.DOTALL)
"""A compiled Python module (PEP 3147)."""
_INSTALLED = re.compile(rb"^Status: .*[ ]installed$", re.MULTILINE)


class DistributionPackages:
    """The distribution's packages of one image."""

    def __init__(self, rootfs: Rootfs, packages: Packages, code: KeptCode, kept: KeptFiles) -> None:
        self._rootfs = rootfs
        self._packages = packages
        self._code = code
        self._kept = kept
        self.notes: list[str] = []
        self._files: dict[str, list[RootPath]] = {}
        for path, owner in packages.owners.items():
            for key in {owner, *packages.co_owners.get(path, ())}:
                self._files.setdefault(key, []).append(path)
        # Maintainer scripts compile modules; no file list has the results.
        for path in rootfs.entries:
            if match := _COMPILED.fullmatch(path):
                for key in packages.owners_of(RootPath(f"{match[1]}{match[2]}.py")):
                    self._files.setdefault(key, []).append(path)

    def find(self) -> Iterator[PackageRecord]:
        """Yield every installed package."""
        records = {"dpkg": self._dpkg, "distroless": self._distroless, "apk": self._apk, "rpm": self._rpm}
        for key, record in records[self._packages.system]() if self._packages.system else ():
            yield self._kept.measure(record, self._files.get(key, ()), is_present=key in self._code.packages)

    def _dpkg(self) -> Iterator[tuple[str, PackageRecord]]:
        (status,) = self._packages.database
        for key, stanza in self._packages.stanzas:
            if _INSTALLED.search(stanza):
                yield key, parse_control(stanza, status)

    def _distroless(self) -> Iterator[tuple[str, PackageRecord]]:
        for name in self._rootfs.children[DISTROLESS]:
            if not name.endswith(".md5sums"):
                place = RootPath(f"{DISTROLESS}/{name}")
                yield name, parse_control(self._rootfs.read(place, MAX_LIST), place)

    def _apk(self) -> Iterator[tuple[str, PackageRecord]]:
        (installed,) = self._packages.database
        for key, stanza in self._packages.stanzas:
            version, origin, licence = (read_field(stanza, tag) for tag in (b"V", b"o", b"L"))
            yield (
                key,
                PackageRecord(
                    kind=PackageKind.APK,
                    name=clean(key),
                    version=clean(version),
                    architecture=clean(read_field(stanza, b"A")),
                    upstream=clean(origin) if origin != key else "",
                    licences=(clean(licence),) if licence else (),
                    place=installed,
                    note="" if version else NO_VERSION,
                ),
            )

    def _rpm(self) -> Iterator[tuple[str, PackageRecord]]:
        place = rpm.find_database(self._packages.database)
        if self._packages.unreadable_reason or place is None:
            self.notes.append(f"the rpm database cannot be read ({self._packages.unreadable_reason or 'its format'})")
            return
        try:
            with rpm.open_copy(self._rootfs.read(place, rpm.MAX_BYTES + 1)) as connection:
                for key, header in rpm.read_headers(connection):
                    epoch, version, release = header.version
                    # The keys that sign packages are stored like packages.
                    if header.name == "gpg-pubkey":
                        continue
                    yield (
                        key,
                        PackageRecord(
                            kind=PackageKind.RPM,
                            name=clean(header.name),
                            version=clean(f"{version}-{release}"),
                            architecture=clean(header.architecture),
                            epoch=str(epoch) if epoch else "",
                            upstream=clean(header.source),
                            licences=(clean(header.licence),) if header.licence else (),
                            place=place,
                            note="" if version else NO_VERSION,
                        ),
                    )
        except rpm.ERRORS as error:
            self.notes.append(f"the rpm database cannot be read ({clean(str(error))})")


def parse_control(stanza: bytes, place: RootPath) -> PackageRecord:
    """Return the package of a dpkg stanza (deb-control(5)). Its files are not counted yet."""
    name, version = read_field(stanza, b"Package"), read_field(stanza, b"Version")
    source = _SOURCE.fullmatch(read_field(stanza, b"Source"))
    upstream = ""
    if source and (source[1] != name or source[2] not in (None, version)):
        upstream = f"{source[1]}@{source[2]}" if source[2] else source[1]
    return PackageRecord(
        kind=PackageKind.DEB,
        name=clean(name or os.path.basename(place)),
        version=clean(version),
        architecture=clean(read_field(stanza, b"Architecture")),
        upstream=clean(upstream),
        place=place,
        note="" if version else NO_VERSION,
    )
