"""The processes of a running container: those in its cgroup and in the cgroups below it. See cgroups(7)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import psutil

from docker_slim_plugin.kernel.mountinfo import parse_mountinfo

_MOUNTS = "/proc/self/mountinfo"


def members(init: int) -> tuple[int, ...]:
    """Return the pids of the container whose first process is `init`, `init` first; empty when it has ended."""
    if not os.path.exists(f"/proc/{init}"):
        return ()
    found = {pid: None for directory in _cgroup_directories(init) for pid in _cgroup_processes(directory)}
    if init not in found:
        # The container has no cgroup of its own, or none that is visible here.
        found = dict.fromkeys(_descendants(init))
    return (init, *(pid for pid in found if pid != init))


def _cgroup_directories(init: int) -> Iterator[str]:
    """Yield the host directory of the cgroup of `init`, in the first hierarchy where it has a cgroup of its own."""
    ours = dict(_cgroups("self"))
    mounts = dict(_cgroup_mounts())
    for hierarchy, path in _cgroups(str(init)):
        # A container in the same cgroup as this process has no cgroup of its own.
        if path != "/" and path != ours.get(hierarchy) and hierarchy in mounts:
            yield mounts[hierarchy] + path
            return


def _cgroups(pid: str) -> Iterator[tuple[str, str]]:
    """Yield (controllers, path) for each hierarchy; the controllers of cgroup version 2 are ""."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cgroup", "rb") as file:
        for line in file:
            _, controllers, path = os.fsdecode(line.rstrip(b"\n")).split(":", 2)
            yield controllers, path


def _cgroup_mounts() -> Iterator[tuple[str, str]]:
    """Yield (controllers, mount point) for each mounted hierarchy."""
    with open(_MOUNTS, "rb") as file:
        for mount in parse_mountinfo(file.read()):
            if mount.kind == "cgroup2":
                yield "", mount.point
            elif mount.kind == "cgroup":
                names = os.path.basename(mount.point)
                yield (f"name={names}" if f"name={names}".encode() in mount.options.split(b",") else names), mount.point


def _cgroup_processes(directory: str) -> Iterator[int]:
    for path, _, _ in os.walk(directory):
        with contextlib.suppress(OSError), open(f"{path}/cgroup.procs", encoding="ascii") as file:
            # 0 is a process in another pid namespace.
            yield from (pid for line in file if (pid := int(line)))


def _descendants(init: int) -> list[int]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [init, *(child.pid for child in psutil.Process(init).children(recursive=True))]
    return [init]
