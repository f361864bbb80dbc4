"""Gates: the images are made, and the exit status tells that a condition of the user is not met. On a real engine."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cases.harness import SLIM, docker
from tests.integration.workflows.test_run import build, remove

pytestmark = pytest.mark.integration
IMAGE, TAG = "docker-slim-test/gates", "docker-slim-test/gates:made"
APP = r"""
FROM debian:bookworm
RUN echo one >/srv/one && echo two >/srv/two && cp /bin/cat /bin/cat-as-root && chmod 4755 /bin/cat-as-root
CMD ["cat", "/srv/one"]
"""


@pytest.fixture(scope="module", autouse=True)
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    build(tmp_path_factory.mktemp("gates"), IMAGE, APP)
    yield
    remove(IMAGE, TAG, f"{TAG}-squashed")


def run(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    words = ("run", "--level=exact", f"--tag={TAG}", "--force", "--format=json", *words)
    return subprocess.run([*SLIM, *words], check=False, env=environment, capture_output=True, text=True)


def test_a_larger_image_is_made_all_the_same(tmp_path: Path) -> None:
    answer = run(tmp_path, "--fail-over=1kB", "--fail-if-larger-than", IMAGE, IMAGE)
    assert answer.returncode == 4
    failed = json.loads(answer.stdout)["FailedGates"]
    assert len(failed) == 2
    assert all("--fail-over has 1,000" in gate for gate in failed)
    assert "warning: a gate failed: " in answer.stderr
    assert docker("run", "--rm", TAG).strip() == "one"


def test_gates_that_are_met(tmp_path: Path) -> None:
    first = run(tmp_path, "--fail-over=500MB", "--fail-if-larger-than", IMAGE, IMAGE)
    assert (first.returncode, json.loads(first.stdout)["FailedGates"]) == (0, [])
    baseline = json.loads(first.stdout)["Report"]
    assert run(tmp_path, "--baseline", baseline, IMAGE).returncode == 0
    answer = run(tmp_path, "--baseline", baseline, IMAGE, "cat-as-root", "/srv/two")
    assert answer.returncode == 4
    failed = json.loads(answer.stdout)["FailedGates"]
    assert failed[0].startswith("new files since the baseline: ")
    assert "/srv/two" in failed[0]
    assert failed[-1] == "new setuid or setgid files since the baseline: /usr/bin/cat-as-root"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--fail-over=much",), 2, "cannot use --fail-over much"),
        (("--fail-if-larger-than=docker-slim-test/absent",), 1, "cannot find the image"),
        (("--baseline=/absent",), 1, "cannot read the report /absent"),
    ],
)
def test_bad_input_is_told_before_anything_is_run(tmp_path: Path, words: tuple[str, ...], status: int, said: str) -> None:
    answer = run(tmp_path, *words, IMAGE)
    assert (answer.returncode, said in answer.stderr, "observe" in answer.stderr) == (status, True, False)


def test_results_as_junit(tmp_path: Path) -> None:
    file = tmp_path / "slim.xml"
    answer = run(tmp_path, "--fail-over=1kB", f"--junit={file}", IMAGE)
    assert answer.returncode == 4
    (suite,) = ET.parse(file).getroot()
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("3", "1")
    assert "--fail-over has 1,000" in next(suite.iter("failure")).attrib["message"]
    assert run(tmp_path, f"--junit={file}", "docker-slim-test/none").returncode == 1
    assert "cannot find the image" in next(ET.parse(file).getroot().iter("error")).attrib["message"]
    answer = run(tmp_path, f"--junit={tmp_path}/none/x.xml", IMAGE)
    assert (answer.returncode, "cannot write" in answer.stderr) == (2, True)
