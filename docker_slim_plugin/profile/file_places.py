"""Conclude which directories an app writes to: each becomes a tmpfs or a volume over a read-only root file system."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from docker_slim_plugin.model.calls import Call
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.observation import AccessKind
from docker_slim_plugin.model.profile import Allowed, Files, Place
from docker_slim_plugin.observe.launch import tmpfs_paths
from docker_slim_plugin.profile.call_lists import words
from docker_slim_plugin.profile.evidence import Evidence
from docker_slim_plugin.rootfs.index import Rootfs

WRITES = words(
    "open openat openat2 creat rename renameat renameat2 unlink unlinkat rmdir mkdir mkdirat mknod mknodat link "
    "linkat symlink symlinkat truncate truncate64 chmod fchmodat fchmodat2 chown chown32 lchown lchown32 fchownat "
    "utime utimes futimesat utimensat utimensat_time64 setxattr lsetxattr removexattr lremovexattr setxattrat "
    "removexattrat"
)
KERNELS = ("/proc", "/sys", "/dev")
"""Not part of the root file system."""
TRANSIENT = ("/run", "/tmp", "/var/tmp", "/var/cache", "/var/log", "/var/run", "/var/lock")  # noqa: S108 (of the image)
"""What an app writes elsewhere may be data that must outlast the container."""
MAX_INNER = 8
"""A directory that holds nothing but up to so many directories becomes a tmpfs, and so does each of these."""
CACHES = ("__pycache__",)
"""Directories of caches that an app works without."""
MAX_PLACES = 64
"""More places are not listed: the root file system then stays writable."""


def conclude_files(evidence: Evidence) -> Files:
    """Return the writable places."""
    given = {posixpath.normpath(path) for path in given_mounts(evidence)}
    volumes = [posixpath.normpath(path) for path in evidence.source.config.get("Volumes") or ()]
    written, ignored = _written(evidence)
    places: dict[str, str] = dict.fromkeys(volumes, "the image has it as VOLUME")
    for path, reason in written.items():
        if _is_below(path, given) or _is_below(path, volumes):
            continue
        place = _place(evidence.rootfs, path)
        if place is None:
            return Files(read_only=False, reason=f"{reason}: a file in / cannot be on a file system of its own")
        places.setdefault(place, reason)
    places |= {posixpath.normpath(path): reason for path, reason in evidence.extra.paths.items()}
    found = sorted(places)
    outer = [path for path in found if path in volumes or not _is_below(path, set(found) - {path})]
    if len(outer) > MAX_PLACES:
        return Files(read_only=False, reason=f"the run wrote to {len(outer)} directories")
    executed = _executed(evidence)
    made: list[Place] = []
    for path in (one for one in outer if one not in given):
        made.append(_describe(evidence, path, places[path], volumes, executed))
        # A tmpfs begins empty.
        names = [one.path for one in _content(evidence.rootfs, path)] if made[-1].kind == "tmpfs" else []
        reason = f"the image has it in {path}, which is a tmpfs"
        others = (name for name in names if name not in outer and name not in given)
        made += [_describe(evidence, name, reason, volumes, executed, inner=True) for name in others]
    return Files(read_only=True, places=tuple(made), ignored=tuple(ignored))


def given_mounts(evidence: Evidence) -> Iterator[str]:
    """Yield the paths in the container of the user's own mounts."""
    for value in evidence.values("--volume"):
        parts = value.split(":")
        yield parts[1] if len(parts) > 1 else parts[0]
    yield from tmpfs_paths(evidence.options)
    for value in evidence.values("--mount"):
        for part in value.split(","):
            name, _, path = part.partition("=")
            if name.strip() in ("target", "destination", "dst"):
                yield path


def _written(evidence: Evidence) -> tuple[dict[str, str], list[Allowed]]:
    """Return {canonical path: reason} of what was written, and what the app can do without."""
    found: dict[str, str] = {}
    ignored: dict[str, Allowed] = {}
    for call in evidence.words(*sorted(WRITES)):
        for named in call.arguments:
            path = canonical(evidence.rootfs, named)
            if path in found or _is_below(path, KERNELS) or path == "/":
                continue
            reason = _reason(call, named)
            if any(f"/{cache}" in path for cache in CACHES):
                place = posixpath.dirname(path)
                ignored.setdefault(place, Allowed(place, f"{reason}: a cache, which the app works without"))
            else:
                found[path] = reason
    return found, list(ignored.values())


def _reason(call: Call, path: str) -> str:
    return f"{call.process or 'a process'} writes {path} ({call.name})"


def canonical(rootfs: Rootfs, path: str) -> str:
    """Return a path with the symlinks of the image resolved in its parents. What the run has created is not there."""
    parent, name = posixpath.split(posixpath.normpath(path))
    rest: list[str] = [name] if name else []
    while parent != "/":
        end = rootfs.walk(parent).end
        if end is not None:
            return posixpath.join(end, *reversed(rest))
        parent, name = posixpath.split(parent)
        rest.append(name)
    return posixpath.join("/", *reversed(rest))


def _place(rootfs: Rootfs, path: str) -> str | None:
    """Return the directory that must be writable for `path`; None if that is the root."""
    entry = rootfs.entries.get(RootPath(path))
    if entry is not None and entry.kind is EntryKind.DIRECTORY:
        return path
    here = path
    while True:
        parent = posixpath.dirname(here)
        if parent == "/":
            # A new directory in / becomes a mount of its own, but not a file.
            return here if here != path else None
        found = rootfs.entries.get(RootPath(parent))
        if found is not None and found.kind is EntryKind.DIRECTORY:
            return parent
        here = parent


def _content(rootfs: Rootfs, path: str) -> list[Entry]:
    return [one for one in rootfs.below(RootPath(path)) if one.path != path]


def _describe(
    evidence: Evidence,
    path: str,
    reason: str,
    volumes: Iterable[str],
    executed: frozenset[str],
    *,
    inner: bool = False,
) -> Place:
    entry = evidence.rootfs.entries.get(RootPath(path))
    content = _content(evidence.rootfs, path)
    if not inner and (path in volumes or not _is_below(path, TRANSIENT)):
        kind = "volume"
    elif not inner and (len(content) > MAX_INNER or any(one.kind is not EntryKind.DIRECTORY for one in content)):
        kind = "copied"
    else:
        kind = "tmpfs"
    runs = bool(evidence.extra.executes) or any(_is_below(one, {path}) for one in executed)
    has_files = any(one.kind is not EntryKind.DIRECTORY for one in content)
    if entry is None:
        return Place(path=RootPath(path), kind=kind, reason=reason, executes=runs, mode=0o1777)
    return Place(
        path=RootPath(path),
        kind=kind,
        reason=reason,
        uid=entry.uid,
        gid=entry.gid,
        mode=entry.mode,
        executes=runs,
        has_files=has_files,
    )


def _executed(evidence: Evidence) -> frozenset[str]:
    return frozenset(
        canonical(evidence.rootfs, access.path)
        for access in evidence.observations.accesses
        if access.kind is AccessKind.EXEC
    )


def _is_below(path: str, tops: Iterable[str]) -> bool:
    return any(path == top or path.startswith(f"{top.rstrip('/')}/") for top in tops)
