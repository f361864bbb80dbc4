"""Processes of our own: each runs one module of this package, with nothing of the user's environment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence


def start(
    module: str,
    arguments: Sequence[object] = (),
    *,
    descriptors: Sequence[int] = (),
    stderr: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start `docker_slim_plugin.MODULE` as a process; it inherits `descriptors` and no other, and no environment.

    It reads nothing, and writes nothing to the user's terminal; `stderr` takes its standard error. It has a session of
    its own: a Ctrl-C is for us to handle.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-m", f"docker_slim_plugin.{module}", *map(str, arguments)],
        pass_fds=tuple(descriptors),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        start_new_session=True,
        env={},
    )
