"""Temporary files of a run, named so that they can be found after the run was killed."""

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
    """Return the directory for temporary files: TMPDIR, or /var/tmp, since /tmp may be in memory."""
    return Path(os.environ.get("TMPDIR") or "/var/tmp")  # noqa: S108


@contextmanager
def workspace(run_id: str) -> Iterator[Path]:
    """Yield a temporary directory of this run; SlimError when it cannot be created."""
    try:
        directory = tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{run_id}-", dir=temporary_directory())
    except OSError as error:
        raise _error(error) from error
    with directory as name:
        yield Path(name)


def check() -> None:
    """Raise SlimError when no temporary files can be created."""
    try:
        with tempfile.TemporaryFile(dir=temporary_directory()):
            pass
    except OSError as error:
        raise _error(error) from error


def _error(error: OSError) -> SlimError:
    text = f"cannot make temporary files in {temporary_directory()}: {error.strerror}"
    return SlimError(text, hint="TMPDIR=DIRECTORY docker slim ..., with some GB of space")


def workspaces() -> Iterator[tuple[Path, str]]:
    """Yield the temporary directories of all runs, each with its run id.

    The parent directory is world-writable, so only directories of our user count, and no symlinks.
    """
    for path in sorted(temporary_directory().iterdir()) if temporary_directory().is_dir() else ():
        match = _NAME.fullmatch(path.name)
        if match and path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.geteuid():
            yield path, match[1]
