"""Attach to a container that somebody else started: it is observed without being disturbed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_slim_plugin.model.observation import Observations
from docker_slim_plugin.model.request import Request
from docker_slim_plugin.observe.trace import load, save
from docker_slim_plugin.progress import Silent
from docker_slim_plugin.workflows.slim import slim
from docker_slim_plugin.workflows.trace import trace
from tests.integration.workflows.test_run import SERVER, build, kept, remove
from tests.integration.workflows.test_stopped import SLIM, left_behind

pytestmark = pytest.mark.integration

IMAGE = "docker-slim-test/attach"
NAME = "docker-slim-test-attach"


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@pytest.fixture(scope="module", autouse=True)
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    build(tmp_path_factory.mktemp("image"), IMAGE, SERVER)
    yield
    remove(IMAGE, f"{IMAGE}:latest-slim", f"{IMAGE}:latest-slim-squashed")


@pytest.fixture
def container() -> Iterator[str]:
    yield docker("run", "-d", "--name", NAME, "-p", "127.0.0.1::80", "--no-healthcheck", IMAGE)
    docker("rm", "-fv", NAME)


def attach(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*SLIM, "attach", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def paths(seen: Observations) -> set[str]:
    return {access.path for access in seen.accesses}


def test_a_running_container_is_watched_and_let_go(container: str, tmp_path: Path) -> None:
    before = docker("inspect", "-f", "{{.State.Pid}} {{.State.StartedAt}}", container)
    file = tmp_path / "trace"
    answer = attach("-o", str(file), "--exec", "cat /srv/late", "--http", "/second.html", NAME)
    assert answer.returncode == 0, answer.stderr
    (one,) = load(str(file))
    assert one.exercise is None
    assert {(probe.kind, probe.ok) for probe in one.observations.result.probes} == {("http", True), ("exec", True)}
    assert {"/srv/late", "/www/second.html"} <= paths(one.observations)
    assert any(path.endswith("/busybox") for path in paths(one.observations)), one.observations
    assert "/www/third.html" not in paths(one.observations)
    assert docker("inspect", "-f", "{{.State.Pid}} {{.State.StartedAt}}", container) == before
    assert docker("exec", container, "cat", "/srv/late") == "late"
    docker("stop", container)
    assert docker("inspect", "-f", "{{.State.ExitCode}}", container) == "0"
    assert left_behind() == []


def test_an_image_from_it_and_a_whole_run(container: str, tmp_path: Path) -> None:
    late, start = tmp_path / "late", tmp_path / "start"
    answer = attach("-q", "-o", str(late), "--exec", "cat /srv/late", container)
    assert (answer.returncode, answer.stderr) == (0, "")
    text, _ = trace(Request(image=IMAGE, outputs=()), Silent())
    save(start, text)
    report = slim(Request(image=IMAGE, traces=(str(late), str(start)), outputs=("layered",)), Silent())
    assert report.passed
    assert {"/srv/late", "/srv/healthy", "/www/index.html"} <= set(kept(report))
    alone = slim(Request(image=IMAGE, traces=(str(late),), outputs=("layered",)), Silent())
    assert any("were not run" in warning for warning in alone.warnings)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("-o", "x", "none-such"), 2, "--until SECONDS"),
        (("-o", "x", "--until", "1", "none-such"), 1, "cannot find the container 'none-such'"),
        (("-o", "/none/x", "--until", "1", "none-such"), 2, "there is no such directory"),
    ],
)
def test_bad_input(arguments: tuple[str, ...], status: int, said: str) -> None:
    answer = attach(*arguments)
    assert (answer.returncode, answer.stdout) == (status, "")
    assert said in answer.stderr


def test_a_container_that_does_not_run(container: str) -> None:
    docker("pause", container)
    assert "it is paused" in attach("-o", "x", "--until", "1", container).stderr
    docker("unpause", container)
    docker("stop", container)
    answer = attach("-o", "x", "--until", "1", container)
    assert answer.returncode == 1
    assert "it is not running" in answer.stderr
