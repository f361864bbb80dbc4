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
    ours, theirs = ownership.read(rootfs), ownership.read(base)
    found: dict[RootPath, bytes] = {}
    mine, its = MetadataReader(rootfs), MetadataReader(base)
    warnings: list[str] = []
    for one in both:
        path = one.entry.path
        above = one.content if one.content is not None else mine.read(path, rpm.MAX_BYTES)
        below = its.read(path, rpm.MAX_BYTES)
        if above is None or below is None or above == below:
            continue
        try:
            content = _merge_file(path, above, below, ours, theirs)
        except rpm.ERRORS as error:
            warnings.append(f"the package databases of image and base cannot be merged ({error}): the image's is used")
            continue
        if content is not None and content != above:
            found[path] = content
    return found, (*warnings, *mine.warnings(), *its.warnings())


def _merge_file(path: RootPath, above: bytes, below: bytes, ours: Packages, theirs: Packages) -> bytes | None:
    if path in ours.database and ours.system == theirs.system:
        if ours.system in ("dpkg", "apk"):
            same = dpkg.merge_stanzas if ours.system == "dpkg" else apk.merge_stanzas
            return _merge_stanzas(theirs, above, same) if theirs.stanzas else None
        if ours.system == "rpm" and path == rpm.find_database(ours.database):
            return rpm.merge_databases(above, below)
        return dpkg.merge_md5sums(above, below) if path.endswith(".md5sums") else None
    if path.endswith(f"/{python.RECORD}"):
        return python.merge_records(above, below)
    return dpkg.merge_file(path, above, below)


def _merge_stanzas(below: Packages, above: bytes, same: Callable[[bytes, bytes], bytes]) -> bytes:
    """Return the merged database: the packages of both, each once.

    If the versions differ, the upper stanza counts. Otherwise `same` merges the two stanzas.
    """
    found = {_identity(stanza): stanza for _, stanza in below.stanzas}
    for stanza in ownership.split_stanzas(above):
        key = _identity(stanza)
        its = found.get(key)
        found[key] = same(stanza, its) if its is not None and _version(its) == _version(stanza) else stanza
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
