"""The files in the directories of an image's layers, added up: what its size is on an engine that does not tell."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path


def total_layer_size(layers: Iterable[Path]) -> int | None:
    """Return the bytes of all files in the layers' directories; None when one cannot be read.

    As an engine with overlay2 counts them: hard links once, a symbolic link as long as its target.
    """
    try:
        return sum(map(_layer_size, layers))
    except OSError:
        return None


def _layer_size(layer: Path) -> int:
    """Return the bytes of one layer's files. Links are the image's, and none is followed."""
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
