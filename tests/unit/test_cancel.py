"""A request to stop, wherever it comes."""

from __future__ import annotations

import subprocess
import sys

LOST = """
import signal, time
from docker_slim_plugin import cancel
from docker_slim_plugin.errors import Interrupted

class Finalized:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
        time.sleep(0)

cancel.install()
try:
    Finalized()
    time.sleep(10)
except Interrupted:
    print("interrupted")
"""


def test_a_request_in_a_finalizer_is_not_lost() -> None:
    run = subprocess.run([sys.executable, "-c", LOST], check=False, capture_output=True, text=True, timeout=30)
    assert (run.returncode, run.stdout, run.stderr) == (0, "interrupted\n", "docker slim: stopping: removing what was started ...\n")
