"""Detection of programs that no_new_privs keeps from gaining privileges. See execve(2) and capabilities(7)."""

from __future__ import annotations

import os
import stat

CAPABILITY = "security.capability"
MAX_CACHED = 10_000


class PrivilegeGain:
    """Checks /proc/PID/exe, a magic link that needs no path lookup in the container."""

    def __init__(self) -> None:
        self._unprivileged: set[tuple[int, int, int]] = set()
        """(device, inode, ctime) of files that give no privileges."""

    def would_gain(self, pid: int) -> bool:
        """Tell whether the program of `pid` would have gained privileges; OSError when `pid` has ended."""
        exe = f"/proc/{pid}/exe"
        file = os.stat(exe)
        key = (file.st_dev, file.st_ino, file.st_ctime_ns)
        if key in self._unprivileged:
            return False
        set_uid, set_gid = file.st_mode & stat.S_ISUID, file.st_mode & stat.S_ISGID and file.st_mode & stat.S_IXGRP
        capable = CAPABILITY in os.listxattr(exe)
        if not (set_uid or set_gid or capable):
            if len(self._unprivileged) >= MAX_CACHED:
                self._unprivileged.clear()
            self._unprivileged.add(key)
            return False
        uid, gid = _effective_ids(pid)
        return bool((set_uid and uid != file.st_uid) or (set_gid and gid != file.st_gid) or (capable and uid != 0))


def _effective_ids(pid: int) -> tuple[int, int]:
    """Return the effective uid and gid of `pid`."""
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace", newline="\n") as lines:
        ids = dict(line.split(":", 1) for line in lines)
    return int(ids["Uid"].split()[1]), int(ids["Gid"].split()[1])
