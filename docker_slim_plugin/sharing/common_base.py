"""Compute a base for images of one distribution: the files that all or most of them have bit for bit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from docker_slim_plugin.image.parent import BaseImage
from docker_slim_plugin.image.tar import storable_xattrs
from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.plan import FilePlan, Group, KeptEntry, Reason, ReasonKind
from docker_slim_plugin.resolve.packages import ownership
from docker_slim_plugin.resolve.packages.os_release import read_distribution
from docker_slim_plugin.resolve.resolution import find_metadata_directories, invalid_plan, replace_content
from docker_slim_plugin.rootfs.index import ROOT, Rootfs, parents
from docker_slim_plugin.rootfs.sandbox import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A base for images of one distribution. The fields are keys of the JSON form."""

    distribution: str
    images: tuple[str, ...]
    least: int
    files: int
    disk: int
    """Bytes of its files."""
    before: int
    """Bytes on disk of all these images as they are."""
    after: int
    """Bytes on disk of the base and of the rest of the images."""


@dataclass(frozen=True, slots=True)
class CommonBase:
    """The plan of a common base, and the tree from which its files are read."""

    proposal: Proposal
    plan: FilePlan
    rootfs: Rootfs
    images: tuple[BaseImage, ...]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads each file from the image that it was taken from."""

    sources: Mapping[RootPath, BaseImage]

    def open(self, path: RootPath) -> BinaryIO:
        return self.sources[path].rootfs.reader.open(path)

    def open_many(self, paths: Sequence[RootPath]) -> dict[RootPath, BinaryIO]:
        opened: dict[RootPath, BinaryIO] = {}
        for reference in {self.sources[path].reference: None for path in paths}:
            ours = [path for path in paths if self.sources[path].reference == reference]
            opened |= self.sources[ours[0]].rootfs.reader.open_many(ours)
        return opened


def propose_base(images: Sequence[BaseImage], least: int, sandbox: Caller) -> CommonBase:
    """Return the base of all files that at least `least` of the images have bit for bit (0: more than half)."""
    min_images = least or len(images) // 2 + 1
    sources: dict[RootPath, BaseImage] = {}
    for path in {
        path for image in images for path, entry in image.rootfs.entries.items() if _is_candidate(path, entry.kind)
    }:
        holders = [image for image in images if path in image.rootfs.entries]
        if len(holders) >= min_images:
            keys = {image.reference: _entry_identity(image, path) for image in holders}
            key, number = Counter(keys.values()).most_common(1)[0]
            if number >= min_images:
                sources[path] = next(image for image in holders if keys[image.reference] == key)
    for path in list(sources):
        sources |= {parent: sources[path] for parent in parents(path) if parent not in sources}
    sources.setdefault(ROOT, images[0])
    reason = Reason(ReasonKind.KEEP, "layers", f"in {min_images} of {len(images)} images at least")
    entries = {path: source.rootfs.entries[path] for path, source in sources.items()}
    kept = {path: KeptEntry(entry=entry, reasons=(reason,), group=Group.BASE) for path, entry in entries.items()}
    kept |= _merge_database(images, min_images, kept, sandbox)
    plan = FilePlan(kept=tuple(kept[path] for path in sorted(kept)), total_files=len(kept), total_bytes=0)
    proposal = _make_proposal(images, min_images, sources, plan, sandbox.call(read_distribution, images[0].rootfs))
    return CommonBase(proposal, plan, Rootfs.of(entries.values(), _Reader(sources)), tuple(images))


def _is_candidate(path: RootPath, kind: EntryKind) -> bool:
    return kind is not EntryKind.DIRECTORY and kind is not EntryKind.SOCKET and path != ROOT


def _entry_identity(image: BaseImage, path: RootPath) -> tuple[object, ...]:
    """Return a key that is equal for entries that are equal bit for bit."""
    entry = image.rootfs.entries[path]
    content = image.hash(path) if entry.kind is EntryKind.FILE else entry.target
    attributes = tuple(sorted(storable_xattrs(entry).items()))
    return (entry.kind, entry.mode, entry.uid, entry.gid, entry.mtime_ns, entry.device, attributes, content)


def _merge_database(
    images: Sequence[BaseImage], min_images: int, kept: Mapping[RootPath, KeptEntry], sandbox: Caller
) -> Iterator[tuple[RootPath, KeptEntry]]:
    """Yield the package database with the packages that enough of the images have."""
    found = [sandbox.call(ownership.read, image.rootfs) for image in images]
    first = found[0]
    if len(first.database) != 1 or any(one.system != first.system for one in found) or not first.stanzas:
        return
    (path,) = first.database
    counts = Counter(stanza for one in found for _, stanza in set(one.stanzas))
    stanzas = dict.fromkeys(stanza for one in found for _, stanza in one.stanzas if counts[stanza] >= min_images)
    content = b"".join(stanzas)
    below = images[0].rootfs.entries.get(path)
    if below is None:
        raise invalid_plan(f"it has no {path!r}")
    # Each stanza comes from one of the images, so this is the limit of its size.
    others = sum(entry.size for image in images[1:] if (entry := image.rootfs.entries.get(path)))
    entry = replace_content(below, content, find_metadata_directories(images[0].rootfs), others)
    reason = Reason(ReasonKind.GENERATED, "pkgdb", "packages that enough of the images have")
    yield path, KeptEntry(entry=entry, reasons=(reason,), group=Group.BASE, content=content)
    for parent in parents(path):
        if parent not in kept:
            yield parent, KeptEntry(entry=images[0].rootfs.entries[parent], reasons=(reason,), group=Group.BASE)


def _make_proposal(
    images: Sequence[BaseImage],
    min_images: int,
    sources: Mapping[RootPath, BaseImage],
    plan: FilePlan,
    release: tuple[str, str],
) -> Proposal:
    size = sum(one.entry.size for one in plan.kept)
    before = after = 0
    for image in images:
        entries = [entry for entry in image.rootfs.entries.values() if entry.kind is EntryKind.FILE]
        before += sum(entry.size for entry in entries)
        after += sum(
            entry.size
            for entry in entries
            if entry.path not in sources
            or _entry_identity(image, entry.path) != _entry_identity(sources[entry.path], entry.path)
        )
    return Proposal(
        distribution=" ".join(release).strip(),
        images=tuple(image.reference for image in images),
        least=min_images,
        files=len(plan.files()),
        disk=size,
        before=before,
        after=after + size,
    )
