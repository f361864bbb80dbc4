"""What is in a container's upper directory: `docker diff` without its price, which reads the whole image twice.

For containers in which nothing of the image has run: all that is there, docker itself has put there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

_OPAQUE = "trusted.overlay.opaque"
"""Of a directory that hides those below it. See Documentation/filesystems/overlayfs.rst."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def upperdir_changes(upper: str, lower: Sequence[str]) -> dict[str, int] | None:
    """Return {path: 0 changed or 1 added} by the directories of an overlay, `lower` uppermost first.

    None when something has been deleted or replaced, which takes more than that to tell.
    """
    found: dict[str, int] = {}
    pending = [""]
    while pending:
        path_prefix = pending.pop()
        if _is_opaque(upper + path_prefix):
            return None
        with os.scandir(upper + path_prefix) as entries:
            for entry in entries:
                path = f"{path_prefix}/{entry.name}"
                if _is_whiteout(entry.stat(follow_symlinks=False)):
                    return None
                found[path] = 0 if layers_contain(lower, path) else 1
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
    return found


def layers_contain(layers: Sequence[str], path: str) -> bool:
    """Tell whether the layers together have a path.

    They are the image's and may hold any link: each component is opened without following.
    """
    *parents, name = path.strip("/").split("/")
    for layer in layers:
        is_hidden = False
        try:
            directory = os.open(layer, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                for part in parents:
                    is_hidden |= _is_opaque(directory)
                    if _is_whiteout(os.stat(part, dir_fd=directory, follow_symlinks=False)):
                        return False
                    subdirectory = os.open(part, _DIRECTORY, dir_fd=directory)
                    os.close(directory)
                    directory = subdirectory
                is_hidden |= _is_opaque(directory)
                return not _is_whiteout(os.stat(name, dir_fd=directory, follow_symlinks=False))
            finally:
                os.close(directory)
        except (FileNotFoundError, NotADirectoryError):
            if is_hidden:
                return False
    return False


def _is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _is_opaque(directory: str | int) -> bool:
    try:
        return os.getxattr(directory, _OPAQUE) == b"y"
    except OSError:
        return False
