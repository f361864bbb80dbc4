"""Locks on image tags that a run is going to write: two runs with the same tag would undo each other's work.

A lock is a flock(2) on a file, so it ends with its process.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from docker_slim_plugin.errors import SlimError

LOCK_DIRECTORY = Path("/run/docker-slim")


class TagLock:
    """A lock on one tag of an image, until it is closed."""

    def __init__(self, reference: str, directory: Path = LOCK_DIRECTORY) -> None:
        self._descriptor = -1
        self._file = directory / f"{hashlib.sha256(os.fsencode(reference)).hexdigest()[:32]}.lock"
        self._descriptor = _lock(self._file, reference)

    def close(self) -> None:
        """Release the lock; the file is removed before, so that a waiting process notices."""
        if self._descriptor >= 0:
            self._file.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self.close()


def _lock(file: Path, reference: str) -> int:
    """Return a descriptor that holds the lock, -1 where lock files cannot be created; SlimError when it is taken."""
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        while True:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            if _try_lock(descriptor, file, reference):
                return descriptor
            os.close(descriptor)
    except OSError:
        return -1


def _try_lock(descriptor: int, file: Path, reference: str) -> bool:
    """Lock the file, and tell whether it still has this name: its previous owner may have removed it meanwhile."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise SlimError(
            f"cannot write to {reference}: another docker slim is going to write it",
            hint="wait for it, or --tag OTHER-NAME",
        ) from error
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(file))
    except FileNotFoundError:
        return False


def remove_stale(directory: Path) -> tuple[str, ...]:
    """Remove the lock files of processes that were killed; return their names."""
    removed = []
    for file in sorted(directory.glob("*.lock")):
        with suppress(OSError), open(file, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.unlink()
            removed.append(str(file))
    return tuple(removed)
