"""Stop each command at a random moment: SIGINT and SIGTERM leave nothing, SIGKILL nothing after `prune`.

This runs only if DOCKER_SLIM_MOMENTS=30 gives the number of moments for each command and signal. It takes long, and
shows what an engine under load finishes after us. Fixed moments are in test_stopped.py.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_slim_plugin.host import run_registry
from tests.cases.harness import SLIM, docker
from tests.faithful import left_behind
from tests.integration.workflows.test_base import PERL
from tests.integration.workflows.test_run import SERVER, build, remove

pytestmark = pytest.mark.integration
if not os.environ.get("DOCKER_SLIM_MOMENTS"):
    pytest.skip("DOCKER_SLIM_MOMENTS says how many moments are tried", allow_module_level=True)

MOMENTS = int(os.environ.get("DOCKER_SLIM_MOMENTS", "0"))
IMAGE, BASE = "docker-slim-killed/server", "debian:bookworm"
TAG = "docker-slim-killed/made"
CONTAINER = "docker-slim-killed"
VERBS = {
    "run": (4, "run", f"--tag={TAG}", IMAGE),
    "run read-only": (4, "run", f"--tag={TAG}", "--read-only", "--tmpfs=/tmp", IMAGE),
    "run on a base": (7, "run", f"--tag={TAG}", f"--base={BASE}", IMAGE),
    "trace": (3, "trace", "--output=/dev/null", IMAGE),
    "attach": (3, "attach", "--output=/dev/null", "--until=2", CONTAINER),
    "pack": (4, "pack", f"--tag={TAG}", "--output=layered,squashed", IMAGE, "/bin/busybox", "/www"),
    "base": (5, "base", f"--tag={TAG}", BASE),
    "base --purge": (12, "base", f"--tag={TAG}", f"--purge={PERL}", BASE),
    "layers": (12, "layers", f"--tag={TAG}", BASE, IMAGE),
    "doctor": (3, "doctor"),
    "profile": (9, "profile", "--force", "--output=/tmp/docker-slim-killed", IMAGE),
}
"""Approximate duration in seconds, and arguments, of each command."""


@pytest.fixture(scope="module", autouse=True)
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    build(tmp_path_factory.mktemp("image"), IMAGE, SERVER)
    docker("rm", "-fv", CONTAINER) if docker("ps", "-aq", "--filter", f"name=^{CONTAINER}$") else None
    docker("run", "-d", "--name", CONTAINER, IMAGE)
    yield
    docker("rm", "-fv", CONTAINER)
    remove(IMAGE, TAG, f"{TAG}:latest-squashed")
    shutil.rmtree("/tmp/docker-slim-killed", ignore_errors=True)


def ended(verb: str, after: float, number: signal.Signals) -> tuple[int, str]:
    """Start a command and send it a signal after `seconds`. Return its status and output."""
    argv = [*SLIM, *map(str, VERBS[verb][1:])]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True) as one:
        try:
            one.wait(after)
        except subprocess.TimeoutExpired:
            one.send_signal(number)
        return one.wait(100), one.stderr.read() if one.stderr else ""


def left_in_the_end(seconds: float = 5.0) -> list[str]:
    """Return what is left. The engine may take a moment to finish its requests."""
    deadline = time.monotonic() + seconds
    while (left := left_behind()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


def moments(verb: str, number: signal.Signals) -> Iterator[float]:
    """Yield random moments between the start of Python and the end of the command, the same in each test run."""
    chance = random.Random(f"{verb} {number}")
    for _ in range(MOMENTS):
        yield chance.uniform(0.15, float(VERBS[verb][0]))


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("verb", VERBS)
def test_asked_to_stop(verb: str) -> None:
    signals = (signal.SIGINT, signal.SIGTERM)
    # Only one of the two if there is only one moment.
    for number in signals if MOMENTS > 1 else signals[list(VERBS).index(verb) % 2 :][:1]:
        for after in moments(verb, number):
            remembered = run_registry.registered_runs()
            status, said = ended(verb, after, number)
            # -number: the work was done, and Python was about to exit.
            assert status in (0, 130, -number), (number, after, said)
            assert "Traceback" not in said, (number, after)
            assert left_in_the_end() == [], (number, after)
            assert set(run_registry.registered_runs()) <= set(remembered), (number, after)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("verb", VERBS)
def test_killed(verb: str) -> None:
    for after in moments(verb, signal.SIGKILL):
        ended(verb, after, signal.SIGKILL)
        answer = subprocess.run([*SLIM, "prune", "--format=json"], check=False, stdout=subprocess.PIPE)
        found = json.loads(answer.stdout)
        assert (answer.returncode, found["failures"]) == (0, []), (after, found)
        assert left_in_the_end() == [], (after, found)


def test_the_attached_container_has_outlived_all_that() -> None:
    assert docker("ps", "-q", "--filter", f"name=^{CONTAINER}$")


def test_a_file_of_nobody_stays(tmp_path: Path) -> None:
    """Objects that a run has recorded are removed by their id, and by nothing else."""
    answer = subprocess.run([*SLIM, "prune", "--format=json"], check=True, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)})
    (tmp_path / "docker-slim-1-1-0123456789abcdef-x").mkdir()
    assert json.loads(answer.stdout)["files"] == []
    assert (tmp_path / "docker-slim-1-1-0123456789abcdef-x").is_dir()
