"""Which processes a running container has: those of its cgroup and of the cgroups below. See cgroups(7)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import psutil

from docker_slim_plugin.kernel.mountinfo import mounts

_MOUNTS = "/proc/self/mountinfo"


def members(init: int) -> tuple[int, ...]:
    """Return the pids of the container whose first process is `init`, that first; empty when it has ended."""
    if not os.path.exists(f"/proc/{init}"):
        return ()
    found = {pid: None for directory in _directories(init) for pid in _processes(directory)}
    if init not in found:
        # No cgroup of its own, or none that we can see.
        found = dict.fromkeys(_descendants(init))
    return (init, *(pid for pid in found if pid != init))


def _directories(init: int) -> Iterator[str]:
    """Yield the host directory of the cgroup of `init` in one hierarchy where it has one to itself."""
    ours = dict(_cgroups("self"))
    mounts = dict(_mounts())
    for hierarchy, path in _cgroups(str(init)):
        # A container that shares our cgroup has none of its own.
        if path != "/" and path != ours.get(hierarchy) and hierarchy in mounts:
            yield mounts[hierarchy] + path
            return


def _cgroups(pid: str) -> Iterator[tuple[str, str]]:
    """Yield (controllers, path) of each hierarchy; version 2 has no controllers' names."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cgroup", "rb") as file:
        for line in file:
            _, controllers, path = os.fsdecode(line.rstrip(b"\n")).split(":", 2)
            yield controllers, path


def _mounts() -> Iterator[tuple[str, str]]:
    """Yield (controllers, mount point) of each hierarchy that is mounted."""
    with open(_MOUNTS, "rb") as file:
        for mount in mounts(file.read()):
            if mount.kind == "cgroup2":
                yield "", mount.point
            elif mount.kind == "cgroup":
                names = os.path.basename(mount.point)
                yield (f"name={names}" if f"name={names}".encode() in mount.options.split(b",") else names), mount.point


def _processes(directory: str) -> Iterator[int]:
    for path, _, _ in os.walk(directory):
        with contextlib.suppress(OSError), open(f"{path}/cgroup.procs", encoding="ascii") as file:
            # 0 stands for processes of other pid namespaces.
            yield from (pid for line in file if (pid := int(line)))


def _descendants(init: int) -> list[int]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [init, *(child.pid for child in psutil.Process(init).children(recursive=True))]
    return [init]
