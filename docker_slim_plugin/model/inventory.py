"""The packages of an image, and how much of each is kept in the slim image: what an SBOM and a VEX file are made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from docker_slim_plugin.model.entry import RootPath


class PackageKind(StrEnum):
    """Kind of a package. The values are the types of package URLs (purl-spec)."""

    DEB = "deb"
    APK = "apk"
    RPM = "rpm"
    PYPI = "pypi"
    NPM = "npm"
    GEM = "gem"
    MAVEN = "maven"
    GOLANG = "golang"


SYSTEM_KINDS = (PackageKind.DEB, PackageKind.APK, PackageKind.RPM)
"""The kinds of distributions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRecord:
    """One package of the source image."""

    kind: PackageKind
    name: str
    version: str
    """Empty if it cannot be read; `note` then says so."""
    group: str = ""
    """Group id of a Java archive."""
    architecture: str = ""
    """In the words of the distribution."""
    epoch: str = ""
    """Of an rpm package. In a dpkg version it is part of the version."""
    upstream: str = ""
    """Source package, where it has another name or version: "glibc", "glibc@2.36", "bash-5.2-1.src.rpm"."""
    licences: tuple[str, ...] = ()
    """As the metadata states them."""
    place: str = ""
    """The file from which all this was read."""
    files: int = 0
    """Files of the package in the source."""
    kept: int = 0
    """Files of the package in the slim image."""
    is_present: bool = False
    """Whether a file of the package is kept that is neither metadata nor documentation."""
    may_have_code: bool = False
    """Whether a kept file may be code. Only files that are certainly data do not count."""
    has_file_list: bool = True
    """Whether all files of the package are known."""
    note: str = ""
    """What could not be read."""

    @property
    def is_whole(self) -> bool:
        return self.kept == self.files

    @property
    def identity(self) -> tuple[str, ...]:
        """What distinguishes packages."""
        return (self.kind.value, self.group, self.name, self.version, self.architecture, self.epoch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All packages of an image, and the kept files that belong to none."""

    distribution: tuple[str, str]
    """ID and VERSION_ID of os-release(5)."""
    packages: tuple[PackageRecord, ...]
    """Sorted by identity, each identity once."""
    unowned: tuple[RootPath, ...]
    """Kept regular files that belong to no package. Sorted."""
    notes: tuple[str, ...] = ()
    """What could not be read."""

    @property
    def present(self) -> tuple[PackageRecord, ...]:
        return tuple(one for one in self.packages if one.is_present)
