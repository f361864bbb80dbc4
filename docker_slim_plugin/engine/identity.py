"""Whose a container or an image is: the marks that all carries which a run of docker slim makes."""

from __future__ import annotations

LABEL = "docker-slim.run"
"""Label of our containers; the value is the id of the run that owns them (`run_identity`)."""
TEMPORARY = "docker-slim-run"
"""Repository under which images lie until they are proved; the tag is the run's id."""

_ENDED = (b"Z", b"X", b"x")


def run_identity(pid: int) -> str:
    """Return "PID-STARTTIME" of a process: which process it was, even when its pid has been used again.

    One that has ended is gone, whether its parent has taken note of it or not (proc_pid_stat(5)).
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return f"{pid}-gone"
    return f"{pid}-gone" if state in _ENDED else f"{pid}-{int(fields[18])}"
