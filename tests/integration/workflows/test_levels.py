"""Levels on a real image: what the run did not ask for works at `app`, and is not there at `exact`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.cases.harness import SLIM, docker
from tests.integration.workflows.test_run import build, remove

pytestmark = pytest.mark.integration
IMAGE, TAG = "docker-slim-test/levels", "docker-slim-test/levels:made"
APP = """
FROM debian:bookworm
COPY busybox /bin/
WORKDIR /srv/app
RUN mkdir pages .git && echo main >pages/index.html && echo other >pages/other.html && echo secret >.git/config \
 && printf '#!/bin/sh\\nif [ "$1" = zone ]; then exec date -d @0 +%%H; fi\\nexec cat "pages/${1:-index.html}"\\n' >start \
 && chmod 755 start
ENTRYPOINT ["/srv/app/start"]
"""


@pytest.fixture(scope="module", autouse=True)
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    build(tmp_path_factory.mktemp("levels"), IMAGE, APP)
    yield
    remove(IMAGE, TAG, f"{TAG}-squashed")


def slimmed(*options: str) -> dict[str, object]:
    """Slim the image with default options and these; return the report."""
    answer = subprocess.run(
        [*SLIM, "run", f"--tag={TAG}", "--force", "--format=json", *options, IMAGE], check=True, stdout=subprocess.PIPE
    )
    report: dict[str, object] = json.loads(answer.stdout)
    return report


def run(*words: str, option: str = "--init") -> str:
    answer = subprocess.run(
        ["docker", "run", "--rm", option, TAG, *words], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return answer.stdout.strip() if answer.returncode == 0 else "fails"


def test_what_the_run_did_not_ask_for() -> None:
    kept = slimmed()["Kept"]
    assert isinstance(kept, dict)
    assert kept["Level"] == "app"
    assert {"app-files", "zones"} <= {rule["Name"] for rule in kept["Rules"]}
    assert (run(), run("other.html")) == ("main", "other")
    assert run("../.git/config") == "fails"
    assert run("zone", option="--env=TZ=Asia/Tokyo") == "09"
    assert docker("inspect", '--format={{index .Config.Labels "docker-slim.level"}}', TAG).strip() == "app"


def test_exact_is_what_the_run_showed() -> None:
    kept = slimmed("--level=exact")["Kept"]
    assert isinstance(kept, dict)
    assert kept["Level"] == "exact"
    assert (run(), run("other.html")) == ("main", "fails")
    assert docker("inspect", '--format={{index .Config.Labels "docker-slim.level"}}', TAG).strip() == "exact"


def test_a_rule_is_turned_off() -> None:
    slimmed("--no-hint=app-files", "--no-hint=zones")
    assert (run(), run("other.html")) == ("main", "fails")


def test_whole_packages() -> None:
    slimmed("--level=package")
    assert docker("run", "--rm", "--entrypoint=dpkg", TAG, "-V", "coreutils").strip() == ""
