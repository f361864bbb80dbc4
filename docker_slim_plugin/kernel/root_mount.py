"""The mount that is a container's root, as the kernel tells of it: on engines that do not."""

from __future__ import annotations

import os
import re
from pathlib import Path

from docker_slim_plugin.kernel.mountinfo import Mount, parse_mountinfo, unescape


def lower_directories(pid: int) -> tuple[Path, ...]:
    """Return the lower directories of the overlay that is `pid`'s root, uppermost first; none when it is no overlay.

    The first is what the engine itself puts below every container, the others are the image's layers.
    """
    return parse_lower_directories(_mountinfo(pid))


def parse_lower_directories(mountinfo: bytes) -> tuple[Path, ...]:
    """Return the lower directories of the root in the text of a mountinfo file (proc_pid_mountinfo(5))."""
    root = find_root_mount(mountinfo)
    return _lower_from_options(root.options) if root and root.kind == "overlay" else ()


def has_own_filesystem(pid: int) -> bool:
    """Tell whether the root of `pid` is a file system of its own, as an overlay is.

    The storage drivers vfs and btrfs give a container a directory in one that it shares with others, and the host.
    """
    root = find_root_mount(_mountinfo(pid))
    return root is not None and root.root == "/"


def find_root_mount(mountinfo: bytes) -> Mount | None:
    """Return the mount that is the root; None where there is none, as in a chroot(2)."""
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
    # "lowerdir+" is one directory each: how newer kernels are told of many.
    names = [one for name, value in pairs if name == b"lowerdir" for one in re.split(rb"(?<!\\):", value)]
    names += [value for name, value in pairs if name == b"lowerdir+"]
    # Relative ones start where the engine keeps all its layers: SNAPSHOTS/NUMBER/fs, or HOME/ID/diff.
    return tuple(upper.parent.parent / _unescaped_path(name) for name in names)


def _unescaped_path(name: bytes) -> Path:
    return Path(os.fsdecode(re.sub(rb"\\(.)", rb"\1", name)))
