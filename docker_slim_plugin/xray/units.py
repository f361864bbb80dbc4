"""The packages of an image by size: of the distribution, and for all other files those of Python, Node and Ruby."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from docker_slim_plugin.model.entry import Entry, RootPath
from docker_slim_plugin.resolve.packages.ownership import Packages
from docker_slim_plugin.resolve.packages.package_units import GEM, NODE, SITE

_METADATA = re.compile(r"(?P<name>[^/]+?)-[0-9][^/-]*(?:-py[0-9.]+)?\.(?:dist|egg)-info")


@dataclass(frozen=True, slots=True)
class PackageSize:
    """A package."""

    system: str
    """dpkg, distroless, apk, rpm, python, node or ruby; "" for files of no package."""
    name: str
    files: int
    size: int


def unit_of(path: RootPath, packages: Packages) -> tuple[str, str]:
    """Return system and name of the package that has a file; ("", "") if none has."""
    owners = packages.owners_of(path)
    if owners:
        return packages.system, owners[0]
    if match := NODE.match(path):
        return "node", match[0].rpartition("node_modules/")[2].removeprefix("/usr/share/nodejs/")
    if match := GEM.match(path):
        return "ruby", match["name"]
    if match := SITE.match(path):
        top = match["top"]
        metadata = _METADATA.fullmatch(top)
        return "python", metadata["name"] if metadata else top.removesuffix(".py")
    return "", ""


def package_sizes(files: Iterable[Entry], packages: Packages) -> tuple[PackageSize, ...]:
    """Return the packages of `files`, largest first; hard links must be there once only."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for entry in files:
        key = unit_of(entry.path, packages)
        number, size = found.get(key, (0, 0))
        found[key] = number + 1, size + stored_size(entry)
    sizes = [PackageSize(system, name, number, size) for (system, name), (number, size) in found.items()]
    return tuple(sorted(sizes, key=lambda one: (-one.size, one.system, one.name)))


def stored_size(entry: Entry) -> int:
    """Return the bytes of a file, or of a symlink's target: what counts for the size of an image."""
    return entry.size or len(entry.target.encode("utf-8", "surrogateescape"))
