"""Whose a container or an image is: the marks that all carries which a run of docker slim makes."""

from __future__ import annotations

LABEL = "docker-slim.run"
"""Label of our containers; the value is the id of the run that owns them (`run_identity`)."""
TEMPORARY = "docker-slim-run"
"""Repository under which images lie until they are proved; the tag is the run's id."""


def run_identity(pid: int) -> str:
    """Return "PID-STARTTIME" of a process: which process it was, even when its pid has been used again."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return f"{pid}-{int(file.read().rpartition(b')')[2].split()[19])}"
    except OSError:
        return f"{pid}-gone"
