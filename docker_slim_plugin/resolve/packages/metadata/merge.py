"""Merge the package metadata of an image with that of its base image.

The base's packages stay, and metadata that is in both names the files of both. If the versions of a package differ, the
database has the version of the upper image. The files of the lower version are still there, so file lists and checksums
are merged for any versions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.plan import KeptEntry
from docker_slim_plugin.resolve.packages import ownership
from docker_slim_plugin.resolve.packages.metadata import apk, dpkg, python, rpm
from docker_slim_plugin.resolve.packages.metadata.file_content import MetadataReader
from docker_slim_plugin.resolve.packages.ownership import Packages
from docker_slim_plugin.rootfs.index import Rootfs


def merge_metadata(
    kept: Iterable[KeptEntry], rootfs: Rootfs, base: Rootfs
) -> tuple[Mapping[RootPath, bytes], tuple[str, ...]]:
    """Return new contents for metadata that is in image and base and that differs, and warnings."""
    both = [one for one in kept if _is_metadata(one) and _is_file(base, one.entry.path)]
    if not both:
        return {}, ()
    image_packages, base_packages = ownership.read(rootfs), ownership.read(base)
    found: dict[RootPath, bytes] = {}
    image_reader, base_reader = MetadataReader(rootfs), MetadataReader(base)
    warnings: list[str] = []
    for one in both:
        path = one.entry.path
        upper = one.content if one.content is not None else image_reader.read(path, rpm.MAX_BYTES)
        lower = base_reader.read(path, rpm.MAX_BYTES)
        if upper is None or lower is None or upper == lower:
            continue
        try:
            content = _merge_file(path, upper, lower, image_packages, base_packages)
        except rpm.ERRORS as error:
            warnings.append(f"the package databases of image and base cannot be merged ({error}): the image's is used")
            continue
        if content is not None and content != upper:
            found[path] = content
    return found, (*warnings, *image_reader.warnings(), *base_reader.warnings())


def _merge_file(
    path: RootPath, upper: bytes, lower: bytes, image_packages: Packages, base_packages: Packages
) -> bytes | None:
    if path in image_packages.database and image_packages.system == base_packages.system:
        if image_packages.system in ("dpkg", "apk"):
            same = dpkg.merge_stanzas if image_packages.system == "dpkg" else apk.merge_stanzas
            return _merge_stanzas(base_packages, upper, same) if base_packages.stanzas else None
        if image_packages.system == "rpm" and path == rpm.find_database(image_packages.database):
            return rpm.merge_databases(upper, lower)
        return dpkg.merge_md5sums(upper, lower) if path.endswith(".md5sums") else None
    if path.endswith(f"/{python.RECORD}"):
        return python.merge_records(upper, lower)
    return dpkg.merge_file(path, upper, lower)


def _merge_stanzas(base_packages: Packages, upper: bytes, same: Callable[[bytes, bytes], bytes]) -> bytes:
    """Return the merged database: the packages of both, each once.

    If the versions differ, the upper stanza counts. Otherwise `same` merges the two stanzas.
    """
    found = {_identity(stanza): stanza for _, stanza in base_packages.stanzas}
    for stanza in ownership.split_stanzas(upper):
        key = _identity(stanza)
        lower = found.get(key)
        found[key] = same(stanza, lower) if lower is not None and _version(lower) == _version(stanza) else stanza
    return b"".join(found.values())


def _identity(stanza: bytes) -> tuple[str, str]:
    """Return the name of a package, and its architecture if several may be installed (Multi-Arch: same)."""
    several = ownership.read_field(stanza, b"Multi-Arch") == "same"
    architecture = ownership.read_field(stanza, b"Architecture") if several else ""
    return ownership.read_field(stanza, b"(?:Package|P)"), architecture


def _version(stanza: bytes) -> str:
    return ownership.read_field(stanza, b"(?:Version|V)")


def _is_metadata(one: KeptEntry) -> bool:
    return one.entry.kind is EntryKind.FILE and any(reason.by == "pkgdb" for reason in one.reasons)


def _is_file(rootfs: Rootfs, path: RootPath) -> bool:
    entry = rootfs.entries.get(path)
    return entry is not None and entry.kind is EntryKind.FILE
