"""Child processes that run one module of this package, without the user's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "child_main.py")
ENVIRONMENT: dict[str, str] = {}
"""The environment of all child processes."""


def start(
    module: str,
    arguments: Sequence[object] = (),
    *,
    descriptors: Sequence[int] = (),
    pipes: int = subprocess.DEVNULL,
    stderr: int | None = subprocess.DEVNULL,
    directory: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start `docker_slim_plugin.MODULE` as a process that inherits only `descriptors`, and no environment.

    Standard input and output are `pipes`: /dev/null, or subprocess.PIPE without a buffer. `stderr` takes its standard
    error; None is ours. It starts in `directory`, ours by default. It has its own session, so that Ctrl-C in the
    terminal reaches only this process.
    """
    return subprocess.Popen(
        [sys.executable, "-I", LAUNCHER, f"docker_slim_plugin.{module}", *map(str, arguments)],
        bufsize=0 if pipes == subprocess.PIPE else -1,
        pass_fds=tuple(descriptors),
        stdin=pipes,
        stdout=pipes,
        stderr=stderr,
        start_new_session=True,
        env=ENVIRONMENT,
        cwd=directory,
    )
