"""Write layers as tar archives. The same entries give the same bytes.

The format is POSIX pax (pax(1)), as docker writes and reads it: entries sorted, parents first, only numeric owners, the
times of the source, extended attributes as SCHILY.xattr records, hard links to the first of their names. Go's
archive/tar treats pax records as bytes, and so does this module: binary attribute values and names that are not UTF-8
are preserved.

Left out is what no layer can store: sockets, names that docker interprets as whiteouts, and attributes with an empty
value or with "=" in their name. Times before 1970 or after 2262 are written, but docker changes them to 1970 (moby,
pkg/system).
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.image import LayerBlob
from docker_slim_plugin.model.plan import KeptEntry
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.rootfs.read_ahead import ReadAhead

BLOCK = 512
_COPY = 1 << 20
_NS = 10**9
_NAME, _OCTAL_SIZE, _OCTAL_ID = 100, 8**11, 8**7
MEMBER_TYPES = {
    EntryKind.FILE: tarfile.REGTYPE,
    EntryKind.DIRECTORY: tarfile.DIRTYPE,
    EntryKind.SYMLINK: tarfile.SYMTYPE,
    EntryKind.FIFO: tarfile.FIFOTYPE,
    EntryKind.CHARACTER: tarfile.CHRTYPE,
    EntryKind.BLOCK: tarfile.BLKTYPE,
}
"""Type of the tar member for each kind of entry that a layer can store."""
Open = Callable[[RootPath], BinaryIO]
"""Opens the content of a file at its start."""
HardLinkKey = tuple[EntryKind | int, ...]
"""Equal for all names of one hard-linked file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenLayer:
    """A layer, and facts that were collected while it was written."""

    blob: LayerBlob
    hashes: Mapping[RootPath, str]
    """sha256, in hex, of the content of each regular file."""
    skipped: tuple[RootPath, ...] = ()
    """Entries that no layer can store."""
    reduced: tuple[RootPath, ...] = ()
    """Entries that are stored with another time, or without some of their extended attributes."""


class _HashingWriter:
    """A file that is hashed while it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0
        self.content = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.digest.update(data)
        self.size += len(data)


def write_layer(rootfs: Rootfs, kept: Iterable[KeptEntry], group: str, file: Path) -> WrittenLayer:
    """Write entries, with contents from the pristine tree, as an uncompressed tar to `file`, or raise SlimError."""
    ordered = sorted(kept, key=lambda one: one.entry.path)
    files = (one.entry.path for one in ordered if one.entry.kind is EntryKind.FILE and one.content is None)
    with ReadAhead(rootfs.reader, files) as source:
        return write_tar(source.open, ordered, group, file)


def write_tar(
    open_content: Open, kept: Iterable[KeptEntry], group: str, file: Path, deleted: Iterable[RootPath] = ()
) -> WrittenLayer:
    """Write entries as an uncompressed tar, and a whiteout for each path of lower layers that is `deleted`.

    After a SlimError, a part of `file` may exist, and the caller has to remove it.
    """
    ordered = sorted(kept, key=lambda one: one.entry.path)
    storable = [one for one in ordered if is_storable(one.entry)]
    if whiteouts := [_whiteout(path) for path in deleted]:
        storable = sorted([*storable, *whiteouts], key=lambda one: one.entry.path)
    try:
        with open(file, "wb") as raw:
            out = _HashingWriter(raw)
            hashes = _write_entries(storable, open_content, out)
            out.write(bytes(2 * BLOCK))
    except OSError as error:
        raise SlimError(
            f"cannot write a layer to {file.parent}: {error.strerror}",
            hint="free some space there, or name another place with TMPDIR=DIR",
        ) from error
    blob = LayerBlob(
        group=group,
        file=str(file),
        diff_id=f"sha256:{out.digest.hexdigest()}",
        size=out.size,
        files=sum(one.entry.kind is not EntryKind.DIRECTORY for one in storable),
        content=out.content,
    )
    skipped = tuple(one.entry.path for one in ordered if not is_storable(one.entry))
    reduced = tuple(one.entry.path for one in storable if not _is_stored_whole(one.entry))
    return WrittenLayer(blob=blob, hashes=hashes, skipped=skipped, reduced=reduced)


def _whiteout(path: RootPath) -> KeptEntry:
    """Return the entry that hides a path of lower layers (OCI layer.md)."""
    directory, _, name = path.rpartition("/")
    entry = Entry(path=RootPath(f"{directory}/.wh.{name}"), kind=EntryKind.FILE, mode=0)
    return KeptEntry(entry=entry, reasons=(), content=b"")


def is_storable(entry: Entry) -> bool:
    """Return whether a layer can store an entry: not a socket, and not a name that is a whiteout (OCI layer.md)."""
    return entry.kind is not EntryKind.SOCKET and "/.wh." not in entry.path


def has_docker_time(entry: Entry) -> bool:
    """Return whether docker can represent the time of a file: nanoseconds since 1970 in 63 bits."""
    return 0 <= entry.mtime_ns < 1 << 63


def _is_stored_whole(entry: Entry) -> bool:
    return has_docker_time(entry) and len(storable_xattrs(entry)) == len(entry.xattrs)


def storable_xattrs(entry: Entry) -> dict[str, bytes]:
    """Return the extended attributes of an entry that a layer can store.

    In pax(1), a key ends at its "=", and an empty value deletes a record. SELinux labels belong to the host.
    """
    return {key: value for key, value in entry.xattrs if value and "=" not in key and key != "security.selinux"}


def hard_link_key(kept: KeptEntry) -> HardLinkKey | None:
    """Return a key that all names of a hard-linked file share. None for a file with one name or generated content.

    The inode number alone is not enough: an overlay over several file systems can have two files with the same number.
    """
    entry = kept.entry
    if not entry.inode or entry.links < 2 or kept.content is not None or entry.kind is EntryKind.DIRECTORY:
        return None
    owner = (entry.uid, entry.gid, entry.mode)
    return (entry.inode, entry.links, entry.kind, entry.size, entry.mtime_ns, *owner, *entry.device)


def _write_entries(storable: Iterable[KeptEntry], open_content: Open, out: _HashingWriter) -> dict[RootPath, str]:
    """Write headers and contents. Returns the sha256 of the content of each regular file."""
    hashes: dict[RootPath, str] = {}
    first_names: dict[HardLinkKey, RootPath] = {}
    for one in storable:
        entry, inode = one.entry, hard_link_key(one)
        first = entry.path if inode is None else first_names.setdefault(inode, entry.path)
        if first != entry.path:
            out.write(make_header(entry, link_to=first))
            if entry.kind is EntryKind.FILE:
                hashes[entry.path] = hashes[first]
            continue
        out.write(make_header(entry))
        out.content += entry.size or len(os.fsencode(entry.target))
        if entry.kind is EntryKind.FILE:
            hashes[entry.path] = _write_content(one, open_content, out)
    return hashes


def _write_content(one: KeptEntry, open_content: Open, out: _HashingWriter) -> str:
    """Write the content of a file and its padding. Returns its sha256."""
    entry = one.entry
    if one.content is not None:
        out.write(one.content + bytes(-len(one.content) % BLOCK))
        return hashlib.sha256(one.content).hexdigest()
    digest = hashlib.sha256()
    for block in _read_blocks(entry, open_content):
        out.write(block)
        digest.update(block)
    out.write(bytes(-entry.size % BLOCK))
    return digest.hexdigest()


def _read_blocks(entry: Entry, open_content: Open) -> Iterator[bytes]:
    """Yield exactly entry.size bytes of a file's content. Raises SlimError if there are fewer."""
    hint = "the image's files changed under us: run docker slim once more"
    try:
        with open_content(entry.path) as source:
            left = entry.size
            while left:
                block = source.read(min(_COPY, left))
                if not block:
                    raise SlimError(f"cannot read {entry.path!r}: it has become shorter", hint=hint)
                yield block
                left -= len(block)
    except OSError as error:
        raise SlimError(f"cannot read {entry.path!r}: {error.strerror}", hint=hint) from error


def make_header(entry: Entry, link_to: RootPath | None = None) -> bytes:
    """Return the header blocks of an entry: a pax header with all that ustar cannot represent, and the ustar header."""
    name = os.fsencode(entry.path.lstrip("/")) or b"."
    name += b"/" if entry.kind is EntryKind.DIRECTORY else b""
    link = os.fsencode(entry.target if link_to is None else link_to.lstrip("/"))
    records: dict[bytes, bytes] = {}
    if len(name) > _NAME or not name.isascii():
        records[b"path"] = name
    if len(link) > _NAME or not link.isascii():
        records[b"linkpath"] = link
    size = entry.size if entry.kind is EntryKind.FILE and link_to is None else 0
    numbers = ((b"size", size, _OCTAL_SIZE), (b"uid", entry.uid, _OCTAL_ID), (b"gid", entry.gid, _OCTAL_ID))
    for key, value, limit in numbers:
        if value >= limit:
            records[key] = b"%d" % value
    seconds, nanoseconds = divmod(entry.mtime_ns, _NS)
    if nanoseconds or not 0 <= seconds < _OCTAL_SIZE:
        records[b"mtime"] = _format_seconds(entry.mtime_ns)
    if link_to is None:
        records |= {b"SCHILY.xattr." + os.fsencode(key): value for key, value in storable_xattrs(entry).items()}
    kind = tarfile.LNKTYPE if link_to is not None else MEMBER_TYPES[entry.kind]
    return _pax_header(name, records) + _ustar_header(name, link, kind, entry, size)


def _format_seconds(nanoseconds: int) -> bytes:
    sign = "-" if nanoseconds < 0 else ""
    seconds, rest = divmod(abs(nanoseconds), _NS)
    return f"{sign}{seconds}.{rest:09}".rstrip("0").rstrip(".").encode()


def _pax_header(name: bytes, records: Mapping[bytes, bytes]) -> bytes:
    if not records:
        return b""
    data = b"".join(_pax_record(key, records[key]) for key in sorted(records))
    # The name of a pax header has no meaning. Go and GNU use dir/PaxHeaders.0/base.
    entry = Entry(path=RootPath("/"), kind=EntryKind.FILE, mode=0)
    title = b"PaxHeaders.0/" + _ascii(name)[-60:].strip(b"/")
    return _ustar_header(title, b"", b"x", entry, len(data)) + data + bytes(-len(data) % BLOCK)


def _pax_record(key: bytes, value: bytes) -> bytes:
    """Return one record: LENGTH, a space, KEY=VALUE, a newline. LENGTH includes itself."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _ascii(text: bytes) -> bytes:
    return bytes(byte if 0x20 < byte < 0x7F else 0x5F for byte in text)


def _ustar_header(name: bytes, link: bytes, kind: bytes, entry: Entry, size: int) -> bytes:
    """Return one 512-byte block. Values that do not fit are cut here, and are complete in the pax header before it."""
    seconds = entry.mtime_ns // _NS
    major, minor = entry.device
    block = b"".join(
        (
            (name if name.isascii() else _ascii(name))[:_NAME].ljust(_NAME, b"\0"),
            b"%07o\0" % entry.mode,
            b"%07o\0" % (entry.uid if entry.uid < _OCTAL_ID else 0),
            b"%07o\0" % (entry.gid if entry.gid < _OCTAL_ID else 0),
            b"%011o\0" % (size if size < _OCTAL_SIZE else 0),
            b"%011o\0" % (seconds if 0 <= seconds < _OCTAL_SIZE else 0),
            b" " * 8,
            kind,
            (link if link.isascii() else _ascii(link))[:_NAME].ljust(_NAME, b"\0"),
            b"ustar\x0000",
            bytes(64),
            b"%07o\0" % major,
            b"%07o\0" % minor,
            bytes(167),
        )
    )
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]
