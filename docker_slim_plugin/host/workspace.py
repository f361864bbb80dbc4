"""Temporary files of a run, and how they are known as such when it has been killed."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host.run_registry import RUN_ID

_PREFIX = "docker-slim-"
_NAME = re.compile(rf"{_PREFIX}({RUN_ID})-\w+")


def temporary_directory() -> Path:
    """Return where temporary files go: TMPDIR, else /var/tmp, as /tmp may be memory."""
    return Path(os.environ.get("TMPDIR") or "/var/tmp")  # noqa: S108


@contextmanager
def workspace(run_id: str) -> Iterator[Path]:
    """Yield a temporary directory of this run; SlimError when none can be made."""
    try:
        directory = tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{run_id}-", dir=temporary_directory())
    except OSError as error:
        raise _error(error) from error
    with directory as name:
        yield Path(name)


def check() -> None:
    """Raise SlimError when no temporary files can be made."""
    try:
        with tempfile.TemporaryFile(dir=temporary_directory()):
            pass
    except OSError as error:
        raise _error(error) from error


def _error(error: OSError) -> SlimError:
    text = f"cannot make temporary files in {temporary_directory()}: {error.strerror}"
    return SlimError(text, hint="TMPDIR=DIRECTORY docker slim ..., with some GB of space")


def workspaces() -> Iterator[tuple[Path, str]]:
    """Yield the directories of all runs, each with the id of the run that it belongs to.

    The place is world-writable: only directories of our own user, and no links.
    """
    for path in sorted(temporary_directory().iterdir()) if temporary_directory().is_dir() else ():
        match = _NAME.fullmatch(path.name)
        if match and path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.geteuid():
            yield path, match[1]
