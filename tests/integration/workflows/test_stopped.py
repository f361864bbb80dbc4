"""Runs that are interrupted or killed at each stage leave nothing, or prune finds it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_slim_plugin.host.workspace import temporary_directory
from tests.cases.harness import docker
from tests.faithful import left_behind
from tests.integration.workflows.test_run import SERVER, build, remove

pytestmark = pytest.mark.integration

SLIM = (sys.executable, "-m", "docker_slim_plugin")
IMAGE = "docker-slim-test/stopped"
STAGES = [
    ("inspect ...", 0.0),
    ("observe ...", 0.0),
    ("observe ...", 0.3),
    ("observe ...", 1.0),
    ("observe a second start ...", 0.4),
    ("write layered ...", 0.0),
    ("write squashed ...", 0.1),
    ("verify layered", 0.2),
]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield build(tmp_path_factory.mktemp("image"), IMAGE, SERVER)
    remove(IMAGE, f"{IMAGE}:latest-slim", f"{IMAGE}:latest-slim-squashed")


def stop_at(
    image: str, stage: str, delay: float, number: signal.Signals, *options: str, group: bool
) -> tuple[int, str]:
    """Start a run, wait for a line of its progress, and send a signal. Return exit status and output after it.
    """
    with subprocess.Popen(
        [*SLIM, "run", *options, image], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
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


@pytest.mark.parametrize(
    ("stage", "delay", "options"),
    [
        ("observe ...", 0.9, ()),
        ("observe ...", 0.9, ("--read-only",)),
        ("write layered ...", 0.0, ()),
        ("verify layered", 0.2, ()),
    ],
)
def test_prune_removes_what_a_killed_run_left(image: str, stage: str, delay: float, options: tuple[str, ...]) -> None:
    status, _ = stop_at(image, stage, delay, signal.SIGKILL, *options, group=False)
    assert status == -signal.SIGKILL
    assert left_behind()
    # The engine may still be busy with the last request.
    time.sleep(2)
    answer = subprocess.run([*SLIM, "prune"], check=True, stdout=subprocess.PIPE, text=True)
    assert "removed container" in answer.stdout
    assert left_behind() == []


def test_two_runs_at_once_and_prune_between(image: str) -> None:
    tags = ("docker-slim-test/one", "docker-slim-test/two")
    argv = [*SLIM, "run", "--output=layered"]
    try:
        with (
            subprocess.Popen([*argv, f"--tag={tags[0]}", image], stderr=subprocess.PIPE, stdout=subprocess.PIPE) as one,
            subprocess.Popen([*argv, f"--tag={tags[1]}", image], stderr=subprocess.PIPE, stdout=subprocess.PIPE) as two,
        ):
            deadline = time.monotonic() + 30
            while not left_behind() and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(0.5)
            pruned = subprocess.run([*SLIM, "prune", "--format=json"], check=True, stdout=subprocess.PIPE)
            found = json.loads(pruned.stdout)
            assert [found[kind] for kind in ("containers", "images", "files", "failures")] == [[], [], [], []]
            said = [process.communicate(timeout=100)[1] for process in (one, two)]
        assert [one.returncode, two.returncode] == [0, 0], said
        assert left_behind() == []
    finally:
        remove(*tags)


def test_prune_leaves_what_only_looks_like_ours(image: str, tmp_path: Path) -> None:
    """An image may have our label, and containers inherit it although they are not ours."""
    name = "docker-slim-test/labelled"
    build(tmp_path, name, f"FROM {image}\nLABEL docker-slim.run=1-1\n")
    docker("tag", image, "docker-slim-run:mine")
    container = docker("create", name)
    directory = temporary_directory() / "docker-slim-notes-of-mine"
    directory.mkdir()
    try:
        docker_slim = subprocess.run([*SLIM, "prune"], check=True, stdout=subprocess.PIPE, text=True)
        told = [line for line in docker_slim.stdout.splitlines() if container[:12] in line]
        assert [line.partition(":")[0] for line in told] == ["left alone, as no run of yours is known to have made it"]
        assert container in docker("ps", "-aq", "--no-trunc")
        assert docker("images", "-q", "docker-slim-run:mine")
        assert directory.is_dir()
    finally:
        directory.rmdir()
        docker("rm", container)
        remove(name, "docker-slim-run:mine")


def test_an_app_that_ignores_the_stop_signal() -> None:
    argv = [*SLIM, "run", "--dry-run", "--until=1", "debian:bookworm", "sh", "-c", "trap '' TERM; sleep 99"]
    started = time.monotonic()
    subprocess.run(argv, check=True, timeout=60, capture_output=True)
    # PID 1 does not get signals that it ignores, so do not wait ten seconds for its end.
    assert time.monotonic() - started < 30
    assert left_behind() == []
