"""Temporary files of a run, named so that they can be found after the run was killed."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docker_slim_plugin.errors import Interrupted, SlimError
from docker_slim_plugin.host.run_registry import RUN_ID

_PREFIX = "docker-slim-"
_NAME = re.compile(rf"{_PREFIX}({RUN_ID})-\w+")


def temporary_directory() -> Path:
    """Return the directory for temporary files: TMPDIR, or /var/tmp, since /tmp may be in memory."""
    return Path(os.environ.get("TMPDIR") or "/var/tmp")  # noqa: S108


@contextmanager
def workspace(run_id: str) -> Iterator[Path]:
    """Yield a temporary directory of this run; SlimError when it cannot be created.

    It is removed even if a request to stop comes while it is made or removed.
    """
    # The name is known before the directory exists, so that no moment is left in which nobody would remove it.
    place = temporary_directory() / f"{_PREFIX}{run_id}-{secrets.token_hex(4)}"
    try:
        os.mkdir(place, 0o700)
    except OSError as error:
        raise _error(error) from error
    except Interrupted:
        _remove(place)
        raise
    try:
        yield place
    finally:
        _remove(place)


def _remove(place: Path) -> None:
    try:
        shutil.rmtree(place)
    except Interrupted:
        # It is raised only once.
        shutil.rmtree(place, ignore_errors=True)
        raise
    except FileNotFoundError:
        pass


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
