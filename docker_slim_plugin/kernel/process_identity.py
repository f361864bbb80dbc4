"""Whom a process runs as, and its pid, in its own namespaces (proc_pid_status(5), user_namespaces(7))."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

_LARGEST = 1 << 20
"""Bytes of a file in /proc. 65,536 supplementary groups are less."""


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """Ids of a process, all in its own namespaces."""

    pid: int
    uid: int
    gid: int
    groups: tuple[int, ...]
    """Supplementary groups other than `gid`."""


def read_identity(pid: int) -> ProcessIdentity:
    """Return the identity of the process with this pid here; OSError or ValueError if it has ended."""
    folder = Path("/proc", str(pid))
    return parse_identity(*(_read(folder / name) for name in ("status", "uid_map", "gid_map")))


def parse_identity(status: str, uid_map: str, gid_map: str) -> ProcessIdentity:
    """Return the identity that these files of /proc/PID tell; ValueError if they are not complete."""
    lines = (line.partition(":") for line in status.splitlines())
    values = {name: value.split() for name, _, value in lines}
    if not all(values.get(name) for name in ("NSpid", "Uid", "Gid")):
        raise ValueError("the process has ended")
    inner_uid, inner_gid = _mapping(uid_map), _mapping(gid_map)
    gid = inner_gid(int(values["Gid"][1]))
    groups = (inner_gid(int(group)) for group in values.get("Groups", ()))
    return ProcessIdentity(
        pid=int(values["NSpid"][-1]),
        uid=inner_uid(int(values["Uid"][1])),
        gid=gid,
        groups=tuple(group for group in groups if group != gid),
    )


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_LARGEST).decode("utf-8", "replace")


def _mapping(text: str) -> Callable[[int], int]:
    """Return a function from ids here to ids in the user namespace of a map; an id without one stays as it is."""
    ranges: Iterable[tuple[int, ...]] = [tuple(map(int, line.split()[:3])) for line in text.splitlines()]

    def inner(number: int) -> int:
        for inside, outside, count in ranges:
            if outside <= number < outside + count:
                return inside + number - outside
        return number

    return inner
