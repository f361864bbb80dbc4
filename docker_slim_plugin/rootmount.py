"""The mount that is a container's root, as the kernel tells of it: on engines that do not."""

from __future__ import annotations

import os
import re
from pathlib import Path

_ESCAPE = re.compile(rb"\\([0-7]{3})")


def lower_directories(pid: int) -> tuple[Path, ...]:
    """Return the lower directories of the overlay that is `pid`'s root, uppermost first; none when it is no overlay.

    The first is what the engine itself puts below every container, the others are the image's layers.
    """
    return mounted(_mountinfo(pid))


def mounted(mountinfo: bytes) -> tuple[Path, ...]:
    """Return the lower directories of the root in the text of a mountinfo file (proc_pid_mountinfo(5))."""
    _, kind, options = root_of(mountinfo)
    return _lower(options) if kind == b"overlay" else ()


def has_its_own(pid: int) -> bool:
    """Tell whether the root of `pid` is a file system of its own, as an overlay is.

    The storage drivers vfs and btrfs give a container a directory in one that it shares with others, and the host.
    """
    return root_of(_mountinfo(pid))[0] == b"/"


def root_of(mountinfo: bytes) -> tuple[bytes, bytes, bytes]:
    """Return where the root lies in its file system, its type and its options; empty where there is none."""
    found = b"", b"", b""
    for line in mountinfo.splitlines():
        mount, _, rest = line.partition(b" - ")
        kind, _, options = rest.split(b" ", 2)
        _, _, _, inside, where, *_ = mount.split()
        if where == b"/":
            found = inside, kind, options
    return found


def _mountinfo(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/mountinfo", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _lower(options: bytes) -> tuple[Path, ...]:
    given = [(name, _plain(value)) for name, _, value in (option.partition(b"=") for option in options.split(b","))]
    upper = next((_path(value) for name, value in given if name == b"upperdir"), Path("/"))
    # "lowerdir+" is one directory each: how newer kernels are told of many.
    names = [one for name, value in given if name == b"lowerdir" for one in re.split(rb"(?<!\\):", value)]
    names += [value for name, value in given if name == b"lowerdir+"]
    # Relative ones start where the engine keeps all its layers: SNAPSHOTS/NUMBER/fs, or HOME/ID/diff.
    return tuple(upper.parent.parent / _path(name) for name in names)


def _plain(value: bytes) -> bytes:
    """Return a value without mountinfo's escapes; overlayfs's own, backslashes before colons, remain."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), value)


def _path(name: bytes) -> Path:
    return Path(os.fsdecode(re.sub(rb"\\(.)", rb"\1", name)))
