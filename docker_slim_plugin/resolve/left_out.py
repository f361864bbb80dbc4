"""Say which programs of used packages are not kept: a user may look for them in the slim image."""

from __future__ import annotations

from collections.abc import Container, Iterator

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.packages.ownership import Packages
from docker_slim_plugin.rootfs.index import Rootfs, parents

PROGRAMS = ("bin", "sbin")
SHOWN = 3


def describe_left_out(rootfs: Rootfs, packages: Packages, kept: Container[RootPath]) -> Iterator[str]:
    """Yield a note on programs that are not kept although a program of their package is.

    Programs of the distribution's base packages are not counted: nobody looks for all of coreutils.
    """
    kept_packages: set[str] = set()
    others: dict[str, list[str]] = {}
    for path, key in packages.owners.items():
        directory = next(parents(path)).rpartition("/")[2]
        if directory in PROGRAMS and key not in packages.base and rootfs.entries[path].is_executable:
            if path in kept:
                kept_packages.add(key)
            else:
                others.setdefault(key, []).append(path.rpartition("/")[2])
    names = sorted(name for key in kept_packages & others.keys() for name in others[key])
    if names:
        more = f", {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        yield f"left out of used packages: {', '.join(names[:SHOWN])}{more} (--keep or --level package keeps them)"
