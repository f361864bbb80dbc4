"""Derive the rules of a confined image from what the run showed. Performs no I/O.

Uses are attempts, seen at the begin of a system call. So a rule may allow what failed in the run, and the kernel's
other checks still refuse it. What the rules of Landlock cannot express is left open, and said.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from docker_slim_plugin.confine.rules import STANDARD_FILES, TERMINALS, Rules
from docker_slim_plugin.confine.seccomp_bpf import (
    AF_INET,
    AF_INET6,
    AF_PACKET,
    RARE_FAMILIES,
    SOCK_DGRAM,
    SOCK_PACKET,
    SOCK_RAW,
    SOCK_STREAM,
)
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.observation import Observations, Use
from docker_slim_plugin.rootfs.index import Rootfs

AF_UNIX = 1
MAX_DEPTH = 64
"""Most components of a path that are looked up. What lies deeper changes the directory at that depth."""
DNS_PORT = 53
"""The resolver repeats a question over TCP when the answer is too long for UDP."""
MOUNTING = frozenset({"mount", "umount", "umount2", "move_mount", "pivot_root", "mount_setattr", "fspick"})
INET = (AF_INET, AF_INET6)
SHM, MQUEUE = "/dev/shm", "/dev/mqueue"  # noqa: S108
_STANDARD_STREAM = re.compile(r"/dev/(?:fd/|std(?:in|out|err)$)|/proc/[\w-]+/(?:task/\w+/)?fd/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user and the image say beside the run."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    require: bool = False
    volumes: tuple[str, ...] = ()
    """Paths of VOLUMEs and of --tmpfs: always writable."""
    can_mount: bool = False
    """Whether the container has the right to mount."""
    resolves_names: bool = False
    """Whether any kept program can look up host names."""

    def allowed(self, name: str) -> Iterator[str]:
        """Yield the values of --allow NAME=VALUE."""
        return (value for word, _, value in (one.partition("=") for one in self.allow) if word == name)


def check(reference: str, observations: Observations, wishes: Wishes) -> None:
    """Raise SlimError when an app cannot work under the launcher."""
    if observations.mode == "off":
        raise SlimError(f"cannot confine {reference}: the run was not traced", hint="leave --tracer=off out")
    if gains := observations.privilege_gains:
        what = f"{', '.join(gains[:3])} gains privileges when it is executed (setuid, capabilities)"
        raise SlimError(f"cannot confine {reference}: {what}", hint="leave --confine out, or run the app without it")
    mounts = sorted({use.name for use in observations.uses if use.name in MOUNTING})
    if mounts and wishes.can_mount:
        text = f"the app mounts file systems ({', '.join(mounts)}), which Landlock forbids"
        raise SlimError(f"cannot confine {reference}: {text}", hint="leave --confine out")


def derive(
    observations: Observations, rootfs: Rootfs, kept: Collection[RootPath], config: Mapping[str, Any], wishes: Wishes
) -> Rules:
    """Return the rules for an app that did what the observations show. `kept` are the paths of the slim image."""
    uses = observations.uses
    sockets = {use.values for use in uses if use.name == "socket" and len(use.values) == 3}
    kinds = {(family, kind) for family, kind, _ in sockets}
    udp_wanted = "udp" in wishes.allow or wishes.resolves_names or any((one, SOCK_DGRAM) in kinds for one in INET)
    udp = udp_wanted and "udp" not in wishes.deny
    abstract = {use.name for use in uses if use.values == (AF_UNIX, 1)}
    places = _Places(rootfs, kept, is_root=_is_root(config))
    written = {*filter(_is_path, wishes.volumes), *wishes.allowed("write"), *places.written(uses)}
    called = {use.name for use in uses}
    return Rules(
        bind=_ports(uses, "bind", (*observations.result.ports, *map(int, wishes.allowed("bind")))),
        connect=_ports(
            uses,
            "connect",
            (*map(int, wishes.allowed("connect")), *([DNS_PORT] if wishes.resolves_names and udp else [])),
        ),
        files="/" not in written,
        write=tuple(_outermost(written)),
        proc=any(use.path.startswith("/proc/") and not _STANDARD_STREAM.match(use.path) for use in uses),
        devices=tuple(sorted(places.devices(uses))),
        abstract_scoped=abstract != {"connect"},
        udp=udp,
        raw=any((one, SOCK_RAW) in kinds for one in INET),
        packet=any(family == AF_PACKET or kind == SOCK_PACKET for family, kind in kinds),
        families=tuple(sorted(family for family in RARE_FAMILIES.values() if family in {one for one, _ in kinds})),
        sysv_ipc=bool(called & {"shmget", "semget", "msgget"}),
        message_queues="mq_open" in called,
        require=wishes.require,
    )


def _ports(uses: Iterable[Use], name: str, more: Iterable[int]) -> tuple[int, ...]:
    found = (use.values for use in uses if use.name == name and len(use.values) == 4)
    return tuple(sorted({port for _, port, kind, _ in found if kind in (0, SOCK_STREAM)} | set(more)))


def _is_path(text: str) -> bool:
    """Return whether a text of the image's configuration can be a path at all."""
    try:
        return text.startswith("/") and b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _is_root(config: Mapping[str, Any]) -> bool:
    return str(config.get("User") or "").partition(":")[0] in ("", "0", "root")


def _outermost(paths: Collection[str]) -> Iterator[str]:
    """Yield the paths that lie below no other."""
    for path in sorted(paths):
        parent = path
        while parent != "/":
            parent = parent.rpartition("/")[0] or "/"
            if parent in paths:
                break
        else:
            yield path


class _Places:
    """The places of an image that the uses of a run change."""

    def __init__(self, rootfs: Rootfs, kept: Collection[RootPath], *, is_root: bool) -> None:
        self._rootfs, self._kept, self._is_root = rootfs, kept, is_root

    def written(self, uses: Iterable[Use]) -> Iterator[str]:
        for use in uses:
            if use.path and not use.path.startswith("/proc/") and (place := self._place(use)):
                yield place

    def devices(self, uses: Iterable[Use]) -> Iterator[str]:
        """Yield the device files that were opened to be written, beside those that every program may write to."""
        known = (*STANDARD_FILES, *TERMINALS)
        for use in uses:
            is_other = not use.path.startswith((f"{SHM}/", f"{MQUEUE}/", "/dev/pts/")) and use.path not in known
            if (
                use.name == "file"
                and use.path.startswith("/dev/")
                and is_other
                and not _STANDARD_STREAM.match(use.path)
            ):
                yield use.path

    def _place(self, use: Use) -> str:
        """Return the directory or file that a use changes; "" when nothing need be allowed."""
        if use.path.startswith("/dev/"):
            shared = next((top for top in (SHM, MQUEUE) if use.path.startswith(f"{top}/")), "")
            return shared or ("/dev" if use.name in ("make", "rename") else "")
        end = self._rootfs.walk(use.path, follow=use.name == "file", root=use.root).end
        # The kernel finds that a name exists, or does not, before it asks Landlock.
        if (use.name == "make" and end is not None) or (use.name == "remove" and end is None):
            return ""
        entry = None if end is None or use.name != "file" else self._rootfs.entries[end]
        if entry is not None and (entry.kind is EntryKind.DIRECTORY or entry.path in self._kept):
            return entry.path if self._may_change(entry) else ""
        directory = self._directory(use)
        return directory.path if self._may_change(directory) else ""

    def _directory(self, use: Use) -> Entry:
        """Return the nearest directory of the image above a path."""
        path = "/".join(use.path.split("/", MAX_DEPTH)[:MAX_DEPTH])
        while path not in ("", "/"):
            path = path.rpartition("/")[0]
            end = self._rootfs.walk(path or "/", root=use.root).end
            if end is not None and self._rootfs.entries[end].kind is EntryKind.DIRECTORY:
                return self._rootfs.entries[end]
        return self._rootfs.entries[RootPath("/")]

    def _may_change(self, entry: Entry) -> bool:
        """Return whether the app's user can change an entry at all: a user other than root cannot change root's."""
        return self._is_root or entry.uid != 0 or bool(entry.mode & 0o022)
