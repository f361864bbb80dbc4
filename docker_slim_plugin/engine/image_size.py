"""The size of an image: the sum of the sizes of the files in its layers.

That is the size that an engine with a storage driver (overlay2) reports; a symlink counts the length of its target. An
engine with the containerd image store reports the size of its blobs instead, compressed or not, as they were pulled.
Its count of the unpacked files is in whole blocks and includes directories, so it is a few percent larger. There
`PristineTree.measured` adds up the files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def is_containerd(found: Mapping[str, Any]) -> bool:
    """Tell by the API's record of an image whether the engine uses the containerd image store.

    Engines since 28.0 include the descriptor of the image's manifest; earlier ones only name the snapshotter.
    """
    return bool(found.get("Descriptor")) or (found.get("GraphDriver") or {}).get("Name") == "overlayfs"


def reported(found: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> int:
    """Return the size of an image as the engine reports it, or the nearest to the definition above."""
    unpacked = sum(int(step.get("Size") or 0) for step in history) if is_containerd(found) else 0
    return unpacked or int(found["Size"])
