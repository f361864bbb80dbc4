"""Read the distribution of an image from os-release(5)."""

from __future__ import annotations

from docker_slim_plugin.rootfs.index import Rootfs

OS_RELEASE = "/etc/os-release"


def read_distribution(rootfs: Rootfs) -> tuple[str, str]:
    """Return ID and VERSION_ID of an image; empty strings if it does not have them."""
    lines = rootfs.text(OS_RELEASE, 1 << 16).split("\n")
    fields = {name: value.strip("\"'") for name, _, value in (line.partition("=") for line in lines)}
    return fields.get("ID", ""), fields.get("VERSION_ID", "")
