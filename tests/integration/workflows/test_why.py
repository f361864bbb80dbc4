"""Explanations of a slim image's paths, from its stored report and its source. On a real engine."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cases.harness import SLIM
from tests.integration.workflows.test_run import build, remove

pytestmark = pytest.mark.integration
IMAGE, TAG = "docker-slim-test/why", "docker-slim-test/why:made"
APP = r"""
FROM debian:bookworm
RUN mkdir /srv/data && echo shown >/srv/data/shown && head -c 5000 /dev/zero >/srv/data/hidden && ln -s shown /srv/data/name
CMD ["sh", "-c", "cat /srv/data/name; true"]
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Slim the image, and yield the state directory with its report."""
    state = tmp_path_factory.mktemp("state")
    build(tmp_path_factory.mktemp("why"), IMAGE, APP)
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    subprocess.run([*SLIM, "run", "-q", "--level=exact", f"--tag={TAG}", IMAGE], check=True, env=environment, stdout=subprocess.DEVNULL)
    yield state
    remove(IMAGE, TAG, f"{TAG}-squashed")


def why(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    return subprocess.run([*SLIM, "why", *words], check=False, env=environment, capture_output=True, text=True)


def explained(state: Path, *words: str) -> dict[str, Any]:
    return dict(json.loads(why(state, "--format=json", *words).stdout))


@pytest.mark.parametrize("form", ["", "-squashed"])
def test_every_kept_path_has_a_chain(state: Path, form: str) -> None:
    answer = explained(state, f"{TAG}{form}", "*")
    assert len(answer["Kept"]) > 10
    assert all(one["Chain"] for one in answer["Kept"])
    assert not answer["Absent"]


def test_a_kept_path(state: Path) -> None:
    (one,) = explained(state, TAG, "/srv/data/shown")["Kept"]
    assert one["Chain"][-1]["Kind"] == "access"
    assert one["Chain"][-1]["By"] == "cat"
    assert one["Chain"][-1]["During"] == "the run"
    assert [process["Arguments"] for process in one["Processes"]] == [
        ["cat", "/srv/data/name"],
        ["sh", "-c", "cat /srv/data/name; true"],
    ]
    shown = why(state, TAG, "/srv/data/shown").stdout
    assert "used by cat: open" in shown
    assert "started by sh -c 'cat /srv/data/name; true'" in shown


def test_another_name_of_a_kept_path(state: Path) -> None:
    assert [one["Path"] for one in explained(state, TAG, "/lib64/../srv/data/shown")["Kept"]] == ["/srv/data/shown"]


def test_a_path_that_is_left_out(state: Path) -> None:
    (one,) = explained(state, TAG, "/srv/data/hidden")["Absent"]
    assert (one["SourcePath"], one["Size"], one["Cost"], one["Option"]) == ("/srv/data/hidden", 5000, 5000, "--keep /srv/data/hidden")
    (program,) = explained(state, TAG, "/usr/bin/perl")["Absent"]
    assert program["Package"] == "perl-base"
    assert program["Cost"] > program["Size"]
    assert why(state, TAG, "/usr/bin/perl").returncode == 0


def test_what_the_source_does_not_have(state: Path) -> None:
    answer = why(state, TAG, "/absent\x1b[31m")
    assert answer.returncode == 1
    assert "the source, docker-slim-test/why, does not have it either" in answer.stdout
    assert "\x1b" not in answer.stdout


def test_packages(state: Path) -> None:
    paths = [one["Path"] for one in explained(state, TAG, "--package=coreutils")["Kept"]]
    assert "/usr/bin/cat" in paths


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((TAG, "/absent/*"), "no path in the image matches"),
        ((TAG, "--package=absent"), "no file of it is in the image"),
        ((IMAGE, "/srv"), "no report of docker slim about it is stored"),
        (("docker-slim-test/absent", "/srv"), "cannot find the image"),
        ((TAG, "--report=/absent", "/srv"), "cannot read the report /absent"),
    ],
)
def test_bad_input(state: Path, words: tuple[str, ...], said: str) -> None:
    answer = why(state, *words)
    assert (answer.returncode, said in answer.stderr) == (1, True), answer


def diff(state: Path, *words: str) -> str:
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    return subprocess.run([*SLIM, "diff", *words], check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout


@pytest.mark.parametrize("by", ["directory", "package", "layer"])
def test_the_sum_of_what_is_kept_is_the_size_of_the_image(state: Path, by: str) -> None:
    sums = json.loads(diff(state, "--format=json", f"--by={by}", TAG))["Sums"]
    size = subprocess.run(["docker", "image", "inspect", "-f", "{{.Size}}", TAG], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert sum(one["Bytes"].get("kept", 0) + one["Bytes"].get("generated", 0) for one in sums) == int(size)


def test_files_and_two_images(state: Path) -> None:
    lines = [json.loads(line) for line in diff(state, "--files", "--format=json", TAG).splitlines()]
    states = {one["Path"]: one["State"] for one in lines}
    assert (states["/srv/data/shown"], states["/srv/data/hidden"], states["/usr/bin/perl"]) == ("kept", "dropped", "dropped")
    assert "DROPPED" in diff(state, TAG)
    assert "has the same files as" in diff(state, TAG, f"{TAG}-squashed")
