"""The size of an image from the directories of its layers, for engines that do not report it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path


def total_layer_size(layers: Iterable[Path]) -> int | None:
    """Return the size in bytes of all files in the layers' directories; None when one cannot be read.

    Counts like an engine with overlay2: hard links once, and the length of a symlink's target.
    """
    try:
        return sum(map(_layer_size, layers))
    except OSError:
        return None


def _layer_size(layer: Path) -> int:
    """Return the size of one layer. Symlinks are the image's, and are not followed."""
    linked: dict[int, int] = {}
    total = 0
    pending = [os.fspath(layer)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    pending.append(entry.path)
                elif stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
                    linked[status.st_ino] = status.st_size
                elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                    total += status.st_size
    return total + sum(linked.values())
