"""Runs that are interrupted or killed at each stage: nothing stays behind, or prune finds it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_run import SERVER, build, remove

pytestmark = pytest.mark.integration

SLIM = (sys.executable, "-m", "docker_slim_plugin")
IMAGE = "docker-slim-test/stopped"
STAGES = [
    ("inspect ...", 0.0),
    ("observe ...", 0.0),
    ("observe ...", 0.3),
    ("observe ...", 1.0),
    ("write layered ...", 0.0),
    ("write squashed ...", 0.1),
    ("verify layered", 0.2),
]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield build(tmp_path_factory.mktemp("image"), IMAGE, SERVER)
    remove(IMAGE, f"{IMAGE}:latest-slim", f"{IMAGE}:latest-slim-squashed")


def left_behind() -> list[str]:
    """Return containers, temporary images and directories of runs of docker slim."""
    commands = (
        ("docker", "ps", "-aq", "--filter", "label=docker-slim.run"),
        ("docker", "images", "-q", "docker-slim-run"),
    )
    found = [
        line
        for command in commands
        for line in subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    ]
    return found + [str(path) for path in Path(os.environ.get("TMPDIR") or "/var/tmp").glob("docker-slim-*-*-*")]


def stop_at(image: str, stage: str, delay: float, number: signal.Signals, *, group: bool) -> tuple[int, str]:
    """Start a run, wait for a line of its progress, send a signal; return the exit status and what it said then."""
    with subprocess.Popen(
        [*SLIM, "run", image], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.strip().startswith(stage):
                break
        time.sleep(delay)
        (os.killpg if group else os.kill)(process.pid, number)
        said = process.stderr.read()
        return process.wait(30), said


@pytest.mark.parametrize(("stage", "delay"), STAGES)
@pytest.mark.parametrize(("number", "group"), [(signal.SIGINT, True), (signal.SIGTERM, False)], ids=["Ctrl-C", "TERM"])
def test_an_interrupted_run_leaves_nothing(
    image: str, stage: str, delay: float, number: signal.Signals, group: bool
) -> None:
    status, said = stop_at(image, stage, delay, number, group=group)
    assert status == 130, said
    assert f"interrupted by {number.name}" in said
    assert "Traceback" not in said
    assert left_behind() == []


@pytest.mark.parametrize(("stage", "delay"), [("observe ...", 0.9), ("write layered ...", 0.0), ("verify layered", 0.2)])
def test_prune_removes_what_a_killed_run_left(image: str, stage: str, delay: float) -> None:
    status, _ = stop_at(image, stage, delay, signal.SIGKILL, group=False)
    assert status == -signal.SIGKILL
    assert left_behind()
    answer = subprocess.run([*SLIM, "prune"], check=True, stdout=subprocess.PIPE, text=True)
    assert "removed container" in answer.stdout
    assert left_behind() == []
