"""A build context that a person could have written: a Dockerfile, and a tar for each layer beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.image.squash import changes

_MARK = "# Written by docker slim"
_MEANING = {
    "base": "the distribution's own base packages",
    "runtime": "other packages that the app needs",
    "app": "files that no package owns",
    "config": "configuration",
}


def write_context(directory: Path, layers: Sequence[tuple[str, Path]], config: Mapping[str, Any]) -> None:
    """Write Dockerfile, .dockerignore and GROUP.tar of each layer (lowest first) into `directory`.

    SlimError when it cannot be written, or holds what is not ours.
    """
    dockerfile = directory / "Dockerfile"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()) and not _ours(dockerfile):
            raise SlimError(f"cannot write a context to {directory}: it is not empty", hint="name a new directory")
        for group, file in layers:
            shutil.copyfile(file, directory / f"{group}.tar")
        lines = [_MARK, "FROM scratch"]
        for group, _ in layers:
            lines += [f"# {_MEANING.get(group, group)}", f"ADD {group}.tar /"]
        lines += changes(config)
        if config.get("StopSignal"):
            lines.append(f"STOPSIGNAL {config['StopSignal']}")
        if config.get("Shell"):
            lines.append(f"SHELL {json.dumps(config['Shell'])}")
        dockerfile.write_text("\n".join(lines) + "\n", encoding="utf-8")
        names = "".join(f"!{group}.tar\n" for group, _ in layers)
        (directory / ".dockerignore").write_text(f"*\n!Dockerfile\n{names}", encoding="utf-8")
    except OSError as error:
        text = f"cannot write a context to {directory}: {error.strerror}"
        raise SlimError(text, hint="name another directory") from error


def _ours(dockerfile: Path) -> bool:
    try:
        with open(dockerfile, encoding="utf-8", errors="replace") as file:
            return file.readline().startswith(_MARK)
    except OSError:
        return False
