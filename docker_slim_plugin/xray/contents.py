"""What the files of an image are: sizes, duplicates, rights, packages, certificates, secrets. Runs in the sandbox.

Files are counted as in the size of an image: regular files and the targets of symlinks, hard links once. Their content
is read once.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, TypeVar

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.resolve.packages import ownership
from docker_slim_plugin.resolve.packages.ownership import Packages
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.rootfs.read_ahead import ReadAhead
from docker_slim_plugin.xray import modes
from docker_slim_plugin.xray.certificates import NotDER, find_certificates, fingerprint, read_certificate
from docker_slim_plugin.xray.secrets import find_secrets
from docker_slim_plugin.xray.units import PackageSize, package_sizes, stored_size, unit_of

MAX_SEARCHED = 1 << 20
"""Bytes of the largest file that is searched for certificates and secrets."""
MAX_COMPARED = 4 << 30
"""Bytes of the largest file that is compared with others."""
MAX_READ = 32 << 30
"""Bytes of all files that are read; they may be sparse."""
MAX_LISTED = 10_000
"""Most items of each list."""
BIGGEST = 200
MAX_CERTIFICATES, MAX_PATHS = 20_000, 50
"""Most different certificates, and most paths of each."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BigFile:
    """A large file."""

    path: str
    size: int
    package: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Files with the same content that are no hard links of each other."""

    size: int
    """Bytes of each."""
    paths: tuple[str, ...]

    @property
    def extra(self) -> int:
        """Bytes that all but one of them take."""
        return self.size * (len(self.paths) - 1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """An X.509 certificate."""

    subject: str
    not_before: str
    """ISO 8601, in UTC."""
    not_after: str
    sha256: str
    files: int
    """Number of files that have it."""
    paths: tuple[str, ...]
    """The first of them."""


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file that looks like a secret."""

    path: str
    kinds: tuple[str, ...]
    mode: str
    package: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The findings. Each list is sorted; the largest come first, or else the first paths."""

    files: int
    size: int
    package_system: str
    packages: tuple[PackageSize, ...]
    biggest: tuple[BigFile, ...]
    duplicates: tuple[Duplicate, ...]
    duplicate_size: int
    """Bytes that all duplicates but one of each take."""
    privileged: tuple[modes.PrivilegedFile, ...]
    writable: tuple[modes.WritablePath, ...]
    shells: tuple[modes.Shell, ...]
    certificates: tuple[Certificate, ...]
    secrets: tuple[SecretFile, ...]
    unread: tuple[str, ...]
    """Sentences about what could not be read, and what is not listed."""


def examine(rootfs: Rootfs) -> Contents:
    """Return what the files of an image are."""
    packages = ownership.read(rootfs)
    files = list(_files(rootfs))
    found = _Reader(rootfs)
    found.read([entry for entry in files if entry.kind is EntryKind.FILE])
    lists = _Lists(found.unread)
    if packages.unreadable_reason:
        found.unread.append(f"the package database cannot be read: {packages.unreadable_reason}")
    duplicates = sorted(found.duplicates(), key=lambda one: (-one.extra, one.paths))
    return Contents(
        files=len(files),
        size=sum(map(stored_size, files)),
        package_system=packages.system,
        packages=lists.cut("packages", package_sizes(files, packages)),
        biggest=tuple(
            BigFile(entry.path, entry.size, _package(entry, packages))
            for entry in sorted(files, key=lambda one: (-one.size, one.path))[:BIGGEST]
        ),
        duplicates=lists.cut("duplicates", duplicates),
        duplicate_size=sum(one.extra for one in duplicates),
        privileged=lists.cut("privileged files", _privileged(rootfs, packages)),
        writable=lists.cut("writable paths", _writable(rootfs, packages)),
        shells=lists.cut("shells", sorted(modes.find_shells(rootfs), key=lambda one: one.path)),
        certificates=lists.cut("certificates", found.certificates()),
        secrets=lists.cut("secrets", _secrets(found, rootfs, packages)),
        unread=tuple(found.unread),
    )


def _files(rootfs: Rootfs) -> Iterator[Entry]:
    """Yield what is not a directory, hard links by the first of their names."""
    seen: set[int] = set()
    for path in sorted(rootfs.entries):
        entry = rootfs.entries[path]
        if entry.kind is EntryKind.DIRECTORY:
            continue
        if entry.links > 1 and entry.inode:
            if entry.inode in seen:
                continue
            seen.add(entry.inode)
        yield entry


def _package(entry: Entry, packages: Packages) -> str:
    return unit_of(entry.path, packages)[1]


def _privileged(rootfs: Rootfs, packages: Packages) -> list[modes.PrivilegedFile]:
    return [
        modes.PrivilegedFile(
            one.path, modes.octal(one.mode), one.uid, one.gid, modes.capabilities(one), _package(one, packages)
        )
        for one in sorted(modes.find_privileged(rootfs), key=lambda one: one.path)
    ]


def _writable(rootfs: Rootfs, packages: Packages) -> list[modes.WritablePath]:
    return [
        modes.WritablePath(one.path, one.kind.value, modes.octal(one.mode), _package(one, packages))
        for one in sorted(modes.find_writable(rootfs), key=lambda one: one.path)
    ]


def _secrets(found: _Reader, rootfs: Rootfs, packages: Packages) -> list[SecretFile]:
    entries = ((rootfs.entries[path], kinds) for path, kinds in sorted(found.secrets.items()))
    return [
        SecretFile(entry.path, kinds, modes.octal(entry.mode), _package(entry, packages)) for entry, kinds in entries
    ]


class _Lists:
    """Cuts lists that are too long, and says so."""

    def __init__(self, unread: list[str]) -> None:
        self._unread = unread

    def cut(self, name: str, items: Sequence[T]) -> tuple[T, ...]:
        if len(items) > MAX_LISTED:
            self._unread.append(f"{name} that are not listed: {len(items) - MAX_LISTED:,}")
        return tuple(items[:MAX_LISTED])


@dataclass
class _Reader:
    """Reads the content of files; it is filled meanwhile."""

    rootfs: Rootfs
    secrets: dict[RootPath, tuple[str, ...]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    _by_content: dict[tuple[int, bytes], list[str]] = field(default_factory=dict)
    _certificates: dict[str, tuple[bytes, list[str]]] = field(default_factory=dict)
    """DER and paths, by fingerprint."""
    _ignored: int = 0
    """Number of certificates beyond MAX_CERTIFICATES."""
    _left: int = field(default_factory=lambda: MAX_READ)

    def read(self, files: Sequence[Entry]) -> None:
        """Read what must be compared or searched."""
        sizes = Counter(entry.size for entry in files)
        wanted = [one for one in files if one.size and (one.size <= MAX_SEARCHED or sizes[one.size] > 1)]
        large = sum(one.size > MAX_SEARCHED for one in files)
        failed = skipped = 0
        with ReadAhead(self.rootfs.reader, [entry.path for entry in wanted]) as reader:
            for entry in wanted:
                if entry.size > min(MAX_COMPARED, self._left):
                    skipped += 1
                    continue
                self._left -= entry.size
                try:
                    with reader.open(entry.path) as file:
                        self._read(entry, file, is_compared=sizes[entry.size] > 1)
                except OSError:
                    failed += 1
        if large:
            limit = f"of more than {MAX_SEARCHED:,} bytes"
            self.unread.append(f"files {limit}, which are not searched for certificates and secrets: {large:,}")
        if skipped:
            self.unread.append(f"files that are too large to be compared: {skipped:,}")
        if failed:
            self.unread.append(f"files that could not be opened: {failed:,}")

    def _read(self, entry: Entry, file: BinaryIO, *, is_compared: bool) -> None:
        if entry.size > MAX_SEARCHED:
            self._compare(entry, hashlib.file_digest(file, "sha256").digest())  # type: ignore[arg-type]
            return
        data = file.read(MAX_SEARCHED + 1)
        if is_compared:
            self._compare(entry, hashlib.sha256(data).digest())
        name = entry.path.rpartition("/")[2]
        if kinds := tuple(dict.fromkeys(find_secrets(data, name))):
            self.secrets[entry.path] = kinds
        # A file may have a certificate twice.
        for digest, der in {fingerprint(der): der for der in find_certificates(data, name)}.items():
            if digest in self._certificates or len(self._certificates) < MAX_CERTIFICATES:
                self._certificates.setdefault(digest, (der, []))[1].append(entry.path)
            else:
                self._ignored += 1

    def _compare(self, entry: Entry, digest: bytes) -> None:
        self._by_content.setdefault((entry.size, digest), []).append(entry.path)

    def duplicates(self) -> Iterator[Duplicate]:
        """Yield the files with the same content."""
        for (size, _), paths in self._by_content.items():
            if len(paths) > 1:
                yield Duplicate(size, tuple(paths))

    def certificates(self) -> list[Certificate]:
        """Return the certificates, those first that end first."""
        found: list[Certificate] = []
        unreadable: list[str] = []
        for digest, (der, paths) in self._certificates.items():
            try:
                data = read_certificate(der)
            except NotDER:
                unreadable += paths
                continue
            found.append(
                Certificate(data.subject, data.not_before, data.not_after, digest, len(paths), tuple(paths[:MAX_PATHS]))
            )
        if self._ignored:
            self.unread.append(f"certificates that are not read, because there are too many: {self._ignored:,}")
        if unreadable:
            names = ", ".join(sorted(set(unreadable))[:3])
            self.unread.append(f"certificates that cannot be read: {len(unreadable):,}, in {names}")
        return sorted(found, key=lambda one: (one.not_after, one.subject, one.sha256))
