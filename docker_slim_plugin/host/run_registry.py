"""Runs of docker slim on this host, written down before they make anything: so that `prune` knows what is ours.

A label or a name can be anybody's: an image may carry ours. What is ours bears a run's id, in which there is a token
that nobody can guess, and that stands in a file of the user's own state folder (0600).
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from docker_slim_plugin.errors import SlimError

RUN_ID = r"\d+-(?:\d+|gone)-[0-9a-f]{16}"
"""What a run is called: PID-STARTTIME-TOKEN."""
KEEP_SECONDS = 3600.0
"""How long a run that was killed is remembered at least: the engine may still be at what it was asked for last."""
_NAME = re.compile(RUN_ID)
_ENDED = (b"Z", b"X", b"x")


def state_directory(environment: Mapping[str, str]) -> Path:
    """Return where we keep what outlives a run: $XDG_STATE_HOME/docker-slim, by default ~/.local/state/docker-slim."""
    home = environment.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(home, "docker-slim")


def new_run() -> str:
    """Return the id of a run of this process."""
    return f"{process_identity(os.getpid())}-{secrets.token_hex(8)}"


def process_identity(pid: int) -> str:
    """Return "PID-STARTTIME" of a process: which process it was, even when its pid has been used again.

    One that has ended is gone, whether its parent has taken note of it or not (proc_pid_stat(5)).
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return f"{pid}-gone"
    return f"{pid}-gone" if state in _ENDED else f"{pid}-{int(fields[18])}"


def is_alive(run_id: str) -> bool:
    """Tell whether the process that the run id names is still there."""
    identity, _, _ = run_id.rpartition("-")
    pid, _, _ = identity.partition("-")
    return pid.isdigit() and process_identity(int(pid)) == identity


def register(run_id: str) -> None:
    """Remember a run; SlimError when that cannot be."""
    path = _directory() / run_id
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        text = f"cannot write to the state folder {path.parent}: {error.strerror}"
        raise SlimError(text, hint="XDG_STATE_HOME=DIRECTORY names another one") from error


def unregister(run_id: str) -> None:
    """Forget a run of which nothing is left; where that cannot be, the work is done all the same."""
    with suppress(OSError):
        (_directory() / run_id).unlink(missing_ok=True)


def registered_runs() -> tuple[str, ...]:
    """Return the runs that are remembered, those that go on and those that were killed."""
    try:
        return tuple(sorted(path.name for path in _directory().iterdir() if _NAME.fullmatch(path.name)))
    except OSError:
        return ()


def unregister_old(run_id: str) -> None:
    """Forget a run that was killed a while ago."""
    path = _directory() / run_id
    try:
        if time.time() - path.stat().st_mtime > KEEP_SECONDS:
            path.unlink()
    except FileNotFoundError:
        pass


def _directory() -> Path:
    return state_directory(os.environ) / "runs"
