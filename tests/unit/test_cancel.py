"""A request to stop, wherever it comes."""

from __future__ import annotations

import subprocess
import sys

import pytest

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


WATCHED = """
import sys, threading, time
from docker_slim_plugin import cancel
from docker_slim_plugin.errors import Overdue
if {install}: cancel.install()
def work():
    with cancel.watchdog("the work", {limit}): time.sleep({seconds})
begun = time.monotonic()
try:
    if {thread}:
        thread = threading.Thread(target=work, daemon=True); thread.start(); thread.join()
    else: work()
    said = "done"
except Overdue as error: said = f"{{error}} ({{error.status}})"
print(said, round(time.monotonic() - begun))
"""


@pytest.mark.parametrize("thread", [False, True])
@pytest.mark.parametrize(
    ("install", "limit", "seconds", "said"),
    [
        (True, 0.3, 20, "cannot go on: the work takes more than 0 s (1) 0"),
        (True, 5, 0.1, "done 0"),
        (True, "float('inf')", 0.1, "done 0"),
        (False, 0.1, 1, "done 1"),
    ],
)
def test_a_step_that_takes_too_long(install: bool, limit: object, seconds: float, said: str, thread: bool) -> None:
    code = WATCHED.format(install=install, limit=limit, seconds=seconds, thread=thread)
    answer = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True, timeout=15)
    assert answer.stdout.strip() == said
