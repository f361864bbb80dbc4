"""The directories that a container's root is laid over, as the kernel names them: on engines that do not tell."""

from __future__ import annotations

import os
import re
from pathlib import Path

_ESCAPE = re.compile(rb"\\([0-7]{3})")


def lower_directories(pid: int) -> tuple[Path, ...]:
    """Return the lower directories of the overlay that is `pid`'s root, uppermost first; none when it is no overlay.

    The first is what the engine itself puts below every container, the others are the image's layers.
    """
    try:
        with open(f"/proc/{pid}/mountinfo", "rb") as file:
            return mounted(file.read())
    except OSError:
        return ()


def mounted(mountinfo: bytes) -> tuple[Path, ...]:
    """Return the lower directories of the root in the text of a mountinfo file (proc_pid_mountinfo(5))."""
    found: tuple[Path, ...] = ()
    for line in mountinfo.splitlines():
        mount, _, rest = line.partition(b" - ")
        kind, _, options = rest.split(b" ", 2)
        if mount.split()[4] == b"/":
            found = _lower(options) if kind == b"overlay" else ()
    return found


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
