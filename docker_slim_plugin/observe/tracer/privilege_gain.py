"""Whether a program would have got rights that no_new_privs kept from it. See execve(2) and capabilities(7)."""

from __future__ import annotations

import os
import stat

CAPABILITY = "security.capability"
MAX_PLAIN = 10_000


class Rights:
    """Asks /proc/PID/exe, which leads to the very file without a lookup in the container."""

    def __init__(self) -> None:
        self._plain: set[tuple[int, int, int]] = set()
        """Device, inode and time of last status change of files that give no rights to anybody."""

    def gained(self, pid: int) -> bool:
        """Tell whether what `pid` runs would have got more rights; OSError when it has ended."""
        exe = f"/proc/{pid}/exe"
        file = os.stat(exe)
        identity = (file.st_dev, file.st_ino, file.st_ctime_ns)
        if identity in self._plain:
            return False
        set_uid, set_gid = file.st_mode & stat.S_ISUID, file.st_mode & stat.S_ISGID and file.st_mode & stat.S_IXGRP
        capable = CAPABILITY in os.listxattr(exe)
        if not (set_uid or set_gid or capable):
            if len(self._plain) >= MAX_PLAIN:
                self._plain.clear()
            self._plain.add(identity)
            return False
        uid, gid = _identity(pid)
        return bool((set_uid and uid != file.st_uid) or (set_gid and gid != file.st_gid) or (capable and uid != 0))


def _identity(pid: int) -> tuple[int, int]:
    """Return the effective user and group of `pid`."""
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace", newline="\n") as lines:
        ids = dict(line.split(":", 1) for line in lines)
    return int(ids["Uid"].split()[1]), int(ids["Gid"].split()[1])
