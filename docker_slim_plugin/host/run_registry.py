"""The registry of docker slim's runs on this host: a run is registered before it creates anything, for `prune`.

A label or a name proves nothing: an image may contain ours. Our objects carry a run's id, which contains a random token
and is the name of a file in the user's state directory (0600). That directory has reports too, and is its owner's alone
(0700).
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from docker_slim_plugin.errors import SlimError

RUN_ID = r"\d+-(?:\d+|gone)-[0-9a-f]{16}"
"""The id of a run: PID-STARTTIME-TOKEN."""
KEEP_SECONDS = 3600.0
"""Minimum seconds to keep a run that was killed: the engine may still process its last request."""
_NAME = re.compile(RUN_ID)
_ENDED = (b"Z", b"X", b"x")


def state_directory(environment: Mapping[str, str]) -> Path:
    """Return the state directory: $XDG_STATE_HOME/docker-slim, by default ~/.local/state/docker-slim."""
    home = environment.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(home, "docker-slim")


def make_private(directory: Path) -> None:
    """Make a directory that is its owner's alone (0700); OSError. An existing one of ours loses the others' rights.

    A symlink is followed, but what it leads to keeps its mode.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and found.st_mode & 0o077:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(descriptor, found.st_mode & 0o700)
        finally:
            os.close(descriptor)


def new_run() -> str:
    """Return a new run id for this process."""
    return f"{process_identity(os.getpid())}-{secrets.token_hex(8)}"


def process_identity(pid: int) -> str:
    """Return "PID-STARTTIME" of a process, which identifies it even if its pid is used again.

    It is "PID-gone" for a process that has ended, even if its parent has not waited for it (proc_pid_stat(5)).
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return f"{pid}-gone"
    return f"{pid}-gone" if state in _ENDED else f"{pid}-{int(fields[18])}"


def is_alive(run_id: str) -> bool:
    """Tell whether the process of the run still exists."""
    identity, _, _ = run_id.rpartition("-")
    pid, _, _ = identity.partition("-")
    return pid.isdigit() and process_identity(int(pid)) == identity


def register(run_id: str) -> None:
    """Register a run; SlimError when that fails."""
    path = _directory() / run_id
    try:
        make_private(path.parent.parent)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        text = f"cannot write to the state folder {path.parent}: {error.strerror}"
        raise SlimError(text, hint="XDG_STATE_HOME=DIRECTORY names another one") from error


def unregister(run_id: str) -> None:
    """Remove a run that has left nothing behind; failures are ignored, since the work is done."""
    with suppress(OSError):
        (_directory() / run_id).unlink(missing_ok=True)


def registered_runs() -> tuple[str, ...]:
    """Return the registered runs, alive or killed."""
    try:
        return tuple(sorted(path.name for path in _directory().iterdir() if _NAME.fullmatch(path.name)))
    except OSError:
        return ()


def unregister_old(run_id: str) -> None:
    """Remove a run that was killed long ago."""
    path = _directory() / run_id
    try:
        if time.time() - path.stat().st_mtime > KEEP_SECONDS:
            path.unlink()
    except FileNotFoundError:
        pass


def _directory() -> Path:
    return state_directory(os.environ) / "runs"
