"""The changes in a container's upperdir: `docker diff` without its cost of reading the whole image twice.

Only for containers in which no process of the image has run: all files there are from the engine.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

_OPAQUE = "trusted.overlay.opaque"
"""Attribute of an opaque directory, which hides those in lower layers. See Documentation/filesystems/overlayfs.rst."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def upperdir_changes(upper: str, lower: Sequence[str]) -> dict[str, int] | None:
    """Return {path: 0 changed or 1 added} from the directories of an overlay, `lower` uppermost first.

    None when a file has been deleted or replaced, because that needs more than the upperdir.
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
    """Tell whether the merged layers contain a path.

    The layers belong to the image and may contain any symlink, so each component is opened with O_NOFOLLOW.
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
