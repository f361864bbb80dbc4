"""Find the kept programs and libraries that can look up host names, and so may ask a name server."""

from __future__ import annotations

from collections.abc import Sequence

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.elf.loader import Loader
from docker_slim_plugin.resolve.elf.static_needs import StaticNeeds
from docker_slim_plugin.rootfs.index import Rootfs

TOPIC = "hosts"


def find_name_lookups(rootfs: Rootfs, paths: Sequence[RootPath]) -> tuple[RootPath, ...]:
    """Return those of the files that import a function which looks up host names, or do it themselves."""
    needs = StaticNeeds(rootfs, Loader(rootfs))
    return tuple(path for path in paths if path in rootfs.entries and TOPIC in needs.topics_of(path))
