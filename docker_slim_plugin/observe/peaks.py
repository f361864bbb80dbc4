"""What a container uses at most: memory and processes of its cgroup, and descriptors of its processes."""

from __future__ import annotations

import os
import time
from pathlib import Path

from docker_slim_plugin.model.observation import Peaks

CGROUPS, PROC = Path("/sys/fs/cgroup"), Path("/proc")
PAUSE, DESCRIPTOR_PAUSE = 0.1, 0.5
"""Seconds between two readings of the cgroup, and of the descriptors of all processes."""
MAX_PROCESSES = 500
"""Processes of which the descriptors are counted."""
_MEMORY = ("memory.peak", "memory.max_usage_in_bytes", "memory.current")
_PROCESSES = ("pids.peak", "pids.current")
"""Files of a cgroup, of version 2 or 1; the first that exists is read."""


class PeakReader:
    """Reads the peaks of a container while it runs. What cannot be read stays 0."""

    def __init__(self, init: int) -> None:
        self.peaks = Peaks()
        self._memory, self._pids = (_directory(init, name) for name in ("memory", "pids"))
        self._next = self._next_descriptors = 0.0

    def read(self) -> None:
        """Read the peaks, if the last reading is long enough ago."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + PAUSE
        descriptors = self.peaks.descriptors
        if now >= self._next_descriptors:
            self._next_descriptors = now + DESCRIPTOR_PAUSE
            descriptors = max(descriptors, *map(_highest_descriptor, _members(self._pids)), 0)
        self.peaks = Peaks(
            memory=max(self.peaks.memory, _number(self._memory, _MEMORY)),
            processes=max(self.peaks.processes, _number(self._pids, _PROCESSES)),
            descriptors=descriptors,
        )


def _directory(init: int, controller: str) -> Path | None:
    """Return the directory of a process's cgroup that has this controller; None if it cannot be found."""
    try:
        lines = (PROC / f"{init}/cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    rows = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    for _, names, path in rows:
        if controller in names.split(","):
            return CGROUPS / controller / path.lstrip("/")
    return next((CGROUPS / path.lstrip("/") for number, names, path in rows if number == "0" and not names), None)


def _number(directory: Path | None, names: tuple[str, ...]) -> int:
    """Return the number in the first of the files that exists, or 0."""
    for name in names:
        try:
            return int((directory / name).read_text(encoding="ascii")) if directory else 0
        except (OSError, ValueError):
            continue
    return 0


def _members(directory: Path | None) -> list[str]:
    try:
        text = (directory / "cgroup.procs").read_text(encoding="ascii") if directory else ""
    except (OSError, UnicodeDecodeError):
        return []
    return text.split()[:MAX_PROCESSES]


def _highest_descriptor(pid: str) -> int:
    """Return the highest number of a descriptor plus 1, which RLIMIT_NOFILE limits (getrlimit(2))."""
    try:
        return max(map(int, os.listdir(f"/proc/{pid}/fd")), default=-1) + 1
    except (OSError, ValueError):
        return 0
