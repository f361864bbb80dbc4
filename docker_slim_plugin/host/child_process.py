"""Child processes that run one module of this package, without the user's environment."""

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
    """Start `docker_slim_plugin.MODULE` as a process that inherits only `descriptors`, and no environment.

    Standard input and output are /dev/null; `stderr` takes its standard error. It has its own session, so that Ctrl-C
    in the terminal reaches only this process.
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
