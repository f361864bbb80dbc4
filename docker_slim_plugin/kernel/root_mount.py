"""The root mount of a container, from the kernel, for engines that do not report it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from docker_slim_plugin.kernel.mountinfo import Mount, parse_mountinfo, unescape


def lower_directories(pid: int) -> tuple[Path, ...]:
    """Return the lower directories of the overlay at `pid`'s root, uppermost first; empty when it is no overlay.

    The first is the engine's own layer of every container, the others are the image's layers.
    """
    return parse_lower_directories(_mountinfo(pid))


def parse_lower_directories(mountinfo: bytes) -> tuple[Path, ...]:
    """Return the lower directories of the root in the text of a mountinfo file (proc_pid_mountinfo(5))."""
    root = find_root_mount(mountinfo)
    return _lower_from_options(root.options) if root and root.kind == "overlay" else ()


def has_own_filesystem(pid: int) -> bool:
    """Tell whether the root of `pid` is a file system of its own, like an overlay.

    With the storage drivers vfs and btrfs it is a directory of a file system that other containers and the host share.
    """
    root = find_root_mount(_mountinfo(pid))
    return root is not None and root.root == "/"


def find_root_mount(mountinfo: bytes) -> Mount | None:
    """Return the root mount; None where there is none, as in a chroot(2)."""
    return next((mount for mount in reversed([*parse_mountinfo(mountinfo)]) if mount.point == "/"), None)


def _mountinfo(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/mountinfo", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _lower_from_options(options: bytes) -> tuple[Path, ...]:
    pairs = [(name, unescape(value)) for name, _, value in (option.partition(b"=") for option in options.split(b","))]
    upper = next((_unescaped_path(value) for name, value in pairs if name == b"upperdir"), Path("/"))
    # Each "lowerdir+" is one directory: newer kernels list many in this form.
    names = [one for name, value in pairs if name == b"lowerdir" for one in re.split(rb"(?<!\\):", value)]
    names += [value for name, value in pairs if name == b"lowerdir+"]
    # Relative paths start in the directory where the engine keeps its layers: SNAPSHOTS/NUMBER/fs, or HOME/ID/diff.
    return tuple(upper.parent.parent / _unescaped_path(name) for name in names)


def _unescaped_path(name: bytes) -> Path:
    return Path(os.fsdecode(re.sub(rb"\\(.)", rb"\1", name)))
