"""The folder of a profile: checked before the work, written at its end, complete or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import output_file

PROFILE = "profile.json"
_HINT = "--output OTHER-FOLDER, or --force to write a folder of docker slim profile anew"


def check_folder(name: str, *, force: bool) -> None:
    """Raise SlimError if the folder cannot be written, or has files that are not a profile's."""
    path = Path(name)
    parent = path.absolute().parent
    try:
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise SlimError(f"cannot write a profile to {name}: it is no folder", hint=_HINT)
        if path.is_dir() and any(path.iterdir()) and not (force and (path / PROFILE).is_file()):
            raise SlimError(f"cannot write a profile to {name}: the folder exists", hint=_HINT)
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            raise SlimError(f"cannot write a profile to {name}: {parent} is no folder to write to", hint=_HINT)
    except OSError as error:
        raise SlimError(f"cannot write a profile to {name}: {error.strerror}", hint=_HINT) from error


def write_folder(name: str, documents: Mapping[str, str], *, force: bool) -> None:
    """Write the documents, {file name: text}. A new folder that cannot be completed is removed."""
    check_folder(name, force=force)
    path = Path(name)
    is_new = not path.exists()
    try:
        path.mkdir(exist_ok=True)
        for file, text in documents.items():
            output_file.write(str(path / file), text.encode("utf-8", "backslashreplace"))
    except BaseException as error:
        if is_new:
            shutil.rmtree(path, ignore_errors=True)
        if isinstance(error, OSError):
            raise SlimError(f"cannot write {error.filename or name}: {error.strerror}", hint=_HINT) from error
        raise
