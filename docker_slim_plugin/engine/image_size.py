"""The size of an image: the bytes of the files in its layers, as they are in a container, layer by layer.

That is what an engine with a storage driver (overlay2) says; a symbolic link counts as long as its target. One with
the containerd image store says something else: the bytes of the blobs that it keeps, compressed or not, as they came.
What it keeps unpacked, it counts in whole blocks, directories among them: a few percent more. There
`PristineTree.measured` counts the files themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def is_containerd(found: Mapping[str, Any]) -> bool:
    """Tell by the API's record of an image whether the engine has the containerd image store.

    Engines since 28.0 describe the image's manifest there; earlier ones only name the snapshotter.
    """
    return bool(found.get("Descriptor")) or (found.get("GraphDriver") or {}).get("Name") == "overlayfs"


def reported(found: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> int:
    """Return the size of an image as well as the engine tells it."""
    unpacked = sum(int(step.get("Size") or 0) for step in history) if is_containerd(found) else 0
    return unpacked or int(found["Size"])
