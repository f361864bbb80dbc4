"""Verify that a slim image has exactly the files of the plan, byte for byte, and behaves like its source."""

from __future__ import annotations

import hashlib
import tarfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from docker_slim_plugin.engine.background import background
from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.image.config import compare_configs
from docker_slim_plugin.image.squash import member_path
from docker_slim_plugin.image.tar import (
    MEMBER_TYPES,
    HardLinkKey,
    hard_link_key,
    has_docker_time,
    is_storable,
    storable_xattrs,
)
from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.image import SlimImage, SourceImage
from docker_slim_plugin.model.plan import FilePlan, Group, KeptEntry
from docker_slim_plugin.model.verdict import Verdict
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.rootfs.reader_client import TreeProcess
from docker_slim_plugin.verify.compare import Findings, shortened
from docker_slim_plugin.verify.replay import Replay

_CAPABILITY = "security.capability"
MAX_LISTED = 20
"""Most differences of one kind that are listed. The others are only counted."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What the members of one or several tars are."""

    paths: set[RootPath] = field(default_factory=set)
    first_names: dict[HardLinkKey, RootPath] = field(default_factory=dict)
    """The name of each hard-linked file that came first; not names of the base image."""


def verify(
    engine: Engine,
    source: SourceImage,
    image: SlimImage,
    plan: FilePlan,
    hashes: Mapping[RootPath, str],
    replays: Sequence[Replay],
    progress: Progress,
) -> Verdict:
    """Compare configuration and files of `image` with the source's, run it like the source, and compare the results."""
    started = time.monotonic()
    mismatches = list(compare_configs(source.config, engine.image(image.id).config))
    found: list[Findings] = []
    with background(engine) as executor:
        files = executor.submit(compare_files, engine, image.id, plan, hashes)
        for replay in replays:
            options, argv = replay.tried.run_arguments()
            with engine.container(options, image.id, argv, remove_in_background=replay.launch.shareable) as container:
                found.append(replay.try_container(container, progress))
        mismatches += files.result()
    if has_xattrs(plan):
        with engine.gated_container(image.id) as container:
            mismatches += compare_xattrs(container.pid(), plan)
    return Verdict(
        form=image.form,
        mismatches=tuple(mismatches),
        behaviour=tuple(text for one in found for text in one.differences),
        number_differences=tuple(text for one in found for text in one.number_differences),
        warnings=shortened(tuple(text for one in found for text in one.unstable)),
        files_compared=len(plan.kept),
        seconds=time.monotonic() - started,
    )


def compare_files(engine: Engine, image: str, plan: FilePlan, hashes: Mapping[RootPath, str]) -> list[str]:
    """Return a sentence for each difference between the image's files and the plan."""
    with engine.created_container(image, ["-"]) as container, container.export() as stream:
        return list(compare_tree(stream, plan, hashes, container.changes()))


def has_xattrs(plan: FilePlan) -> bool:
    """Return whether any file has extended attributes that docker export may leave out."""
    return any(name != _CAPABILITY for kept in plan.kept for name, _ in kept.entry.xattrs)


def compare_tree(
    stream: BinaryIO, plan: FilePlan, hashes: Mapping[RootPath, str], changes: Mapping[str, int]
) -> Iterator[str]:
    """Yield a sentence for each difference between an exported tree and the plan.

    `changes` are docker's own changes in the container (docker diff). Added names are docker's, and directories that
    docker changed have other times.
    """
    planned = plan.by_path()
    found = _Found()
    yield from _compare_tar(stream, planned, hashes, changes, found)
    yield from _find_missing(planned, found.paths)


def compare_layers(
    files: Iterable[Path], plan: FilePlan, hashes: Mapping[RootPath, str], optional_groups: Collection[Group] = ()
) -> Iterator[str]:
    """Yield a sentence for each difference between the tars of all layers together and the plan.

    Entries in `optional_groups` may be missing.
    """
    planned = plan.by_path()
    found = _Found()
    for file in files:
        with open(file, "rb") as stream:
            yield from _compare_tar(stream, planned, hashes, {}, found)
    required = {path: kept for path, kept in planned.items() if kept.group not in optional_groups}
    yield from _find_missing(required, found.paths)


def _find_missing(planned: Mapping[RootPath, KeptEntry], found: Collection[RootPath]) -> Iterator[str]:
    for path, kept in planned.items():
        if path not in found and is_storable(kept.entry) and path != "/":
            yield f"{path} is not in the image"


def _compare_tar(
    stream: BinaryIO,
    planned: Mapping[RootPath, KeptEntry],
    hashes: Mapping[RootPath, str],
    changes: Collection[str],
    found: _Found,
) -> Iterator[str]:
    """Compare each member with the plan, and add it to `found`. A directory may be in several layers."""
    with tarfile.open(fileobj=stream, mode="r|", encoding="utf-8", errors="surrogateescape") as tar:
        for member in tar:
            # tarfile keeps every member in memory, and an image has 100,000s.
            tar.members.clear()  # type: ignore[attr-defined]
            path = member_path(member.name)
            kept = planned.get(path)
            again = path in found.paths
            found.paths.add(path)
            if kept is None or (again and not member.isdir()):
                if path not in changes:
                    yield f"{path} is in the image{' twice' if again else ', but not in the plan'}"
                continue
            yield from _compare_link(member, kept, planned, found.first_names)
            if member.islnk():
                continue
            yield from _compare_member(member, kept, touched=path in changes)
            if member.isreg():
                content = tar.extractfile(member)
                assert content is not None
                digest = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
                yield from _compare_value(path, "content", digest, hashes[path].removeprefix("sha256:"))


def _compare_link(
    member: tarfile.TarInfo,
    kept: KeptEntry,
    planned: Mapping[RootPath, KeptEntry],
    first_names: dict[HardLinkKey, RootPath],
) -> Iterator[str]:
    """Compare which names are of one file. Names of the base image may be in another layer, so without a link."""
    path, key = kept.entry.path, hard_link_key(kept)
    first = path
    if key is not None and kept.group is not Group.COMMON:
        first = first_names.setdefault(key, path)
    if member.islnk():
        target = planned.get(member_path(member.linkname))
        if key is None or target is None or hard_link_key(target) != key:
            yield f"{path} is a hard link to {member_path(member.linkname)}, which is another file in the plan"
    elif first != path:
        yield f"{path} is a file of its own, not a hard link to {first}"


def _compare_member(member: tarfile.TarInfo, kept: KeptEntry, *, touched: bool) -> Iterator[str]:
    entry = kept.entry
    path = entry.path
    yield from _compare_value(path, "type", member.type, MEMBER_TYPES.get(entry.kind, b""))
    if entry.kind is not EntryKind.SYMLINK:
        yield from _compare_value(path, "mode", f"{member.mode & 0o7777:o}", f"{entry.mode:o}")
    yield from _compare_value(path, "owner", (member.uid, member.gid), (entry.uid, entry.gid))
    if not touched and has_docker_time(entry):
        # docker export gives whole seconds.
        yield from _compare_value(path, "time", int(member.mtime), entry.mtime_ns // 10**9)
    if entry.kind is EntryKind.SYMLINK:
        yield from _compare_value(path, "target", member.linkname, entry.target)
    if entry.kind is EntryKind.FILE:
        yield from _compare_value(path, "size", member.size, entry.size)
    capability = member.pax_headers.get(f"SCHILY.xattr.{_CAPABILITY}")
    expected = dict(entry.xattrs).get(_CAPABILITY)
    yield from _compare_value(path, "capabilities", capability is not None, expected is not None)


def _compare_value(path: RootPath, what: str, found: object, expected: object) -> Iterator[str]:
    if found != expected:
        yield f"{path}: {what} is {found}, not {expected}"


def compare_xattrs(init: int, plan: FilePlan) -> list[str]:
    """Return a sentence for each file whose extended attributes differ.

    The attributes are read from the mounted tree of process `init`, because docker export leaves some out.
    """
    with TreeProcess() as process:
        process.mount(init)
        found = process.entries()
    sentences = []
    for kept in plan.kept:
        entry = found.get(kept.entry.path)
        if entry is not None and storable_xattrs(entry) != storable_xattrs(kept.entry):
            sentences.append(f"{entry.path}: extended attributes differ")
    return sentences


def limit_sentences(sentences: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first sentences, and the number of the others."""
    if len(sentences) <= MAX_LISTED:
        return sentences
    return (*sentences[:MAX_LISTED], f"and {len(sentences) - MAX_LISTED} more")
