"""Files whose mode or capabilities deserve a look, and shells. From the index of the tree alone."""

from __future__ import annotations

import re
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from docker_slim_plugin.kernel.capabilities import CAPABILITIES
from docker_slim_plugin.model.entry import Entry, EntryKind
from docker_slim_plugin.rootfs.index import Rootfs

CAPABILITY = "security.capability"
_VERSIONS = {0x01000000: 12, 0x02000000: 20, 0x03000000: 24}
"""Bytes of the attribute for each of its revisions."""
_HEAD = struct.Struct("<I")
_SHELL = re.compile(r"(?:ba|da|a|z|k|mk|pdk|c|tc|rba|fi|ya|osh|lk|oil)?sh|pwsh|busybox|toybox|nu|elvish|xonsh|rbash")


@dataclass(frozen=True, slots=True)
class PrivilegedFile:
    """A program that gives rights to whoever executes it."""

    path: str
    mode: str
    """Octal, four digits."""
    uid: int
    gid: int
    capabilities: tuple[str, ...]
    """"cap_net_raw=ep" and the like, getcap(8)'s spelling; ("unreadable",) if the attribute cannot be read."""
    package: str


@dataclass(frozen=True, slots=True)
class WritablePath:
    """A path that every user may write to.

    Not one are directories with the sticky bit, such as /tmp, and devices in /dev, which docker mounts over.
    """

    path: str
    kind: str
    mode: str
    package: str


@dataclass(frozen=True, slots=True)
class Shell:
    """A program that is a shell by its name."""

    path: str
    target: str
    """The file that a symlink leads to; otherwise empty."""


def octal(mode: int) -> str:
    return f"{mode:04o}"


def find_privileged(rootfs: Rootfs) -> Iterator[Entry]:
    """Yield files with setuid or setgid, or with capabilities."""
    for entry in rootfs.entries.values():
        if entry.kind is EntryKind.FILE and (
            entry.mode & (stat.S_ISUID | stat.S_ISGID) or any(name == CAPABILITY for name, _ in entry.xattrs)
        ):
            yield entry


def capabilities(entry: Entry) -> tuple[str, ...]:
    """Return the capabilities of a file."""
    return next((read_capabilities(value) for name, value in entry.xattrs if name == CAPABILITY), ())


def read_capabilities(value: bytes) -> tuple[str, ...]:
    """Return what the attribute security.capability says (vfs_cap_data in linux/capability.h)."""
    if len(value) < _HEAD.size:
        return ("unreadable",)
    (magic,) = _HEAD.unpack_from(value)
    if _VERSIONS.get(magic & 0xFF000000) != len(value):
        return ("unreadable",)
    words = [number for (number,) in _HEAD.iter_unpack(value[4 : 4 + (len(value) - 4) // 8 * 8])]
    permitted = sum(word << 32 * place for place, word in enumerate(words[0:4:2]))
    inheritable = sum(word << 32 * place for place, word in enumerate(words[1:4:2]))
    effective = "e" if magic & 1 else ""
    found = []
    for number in range(64):
        is_permitted, is_inheritable = permitted >> number & 1, inheritable >> number & 1
        if is_permitted or is_inheritable:
            name = f"cap_{CAPABILITIES[number].lower()}" if number < len(CAPABILITIES) else f"cap_{number}"
            found.append(f"{name}={effective}{'i' * is_inheritable}{'p' * is_permitted}")
    return tuple(found)


def find_writable(rootfs: Rootfs) -> Iterator[Entry]:
    """Yield what every user may write to."""
    for entry in rootfs.entries.values():
        is_sticky = entry.kind is EntryKind.DIRECTORY and entry.mode & stat.S_ISVTX
        is_usual = is_sticky or entry.kind is EntryKind.SYMLINK or entry.path.startswith("/dev/")
        if entry.mode & stat.S_IWOTH and not is_usual:
            yield entry


def find_shells(rootfs: Rootfs) -> Iterator[Shell]:
    """Yield executable files with the name of a shell, and symlinks to executable files with such a name."""
    for entry in rootfs.entries.values():
        directory, _, name = entry.path.rpartition("/")
        if directory.rpartition("/")[2] not in ("bin", "sbin", "busybox") or not _SHELL.fullmatch(name):
            continue
        end = rootfs.find(entry.path)
        if end is not None and end.is_executable:
            yield Shell(entry.path, end.path if entry.kind is EntryKind.SYMLINK else "")
