"""Apps that act differently at their second start: `docker restart` works with the slim images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from docker_slim_plugin.model.request import Request
from docker_slim_plugin.progress import Silent
from docker_slim_plugin.report.record import Report
from docker_slim_plugin.workflows.slim import slim
from tests.cases.harness import Case, Subject, answers, docker, hold, until
from tests.faithful import left_behind
from tests.integration.workflows.test_run import build, kept, remove

pytestmark = pytest.mark.integration

IMAGE = "docker-slim-test/again"
DOCKERFILE = """
FROM debian:bookworm
COPY busybox /bin/httpd
RUN mkdir /www /var/lib/app && echo page >/www/index.html && echo first >/srv/first && echo again >/srv/again \
 && printf '#!/bin/sh\\nset -e\\n\
if [ -e /var/lib/app/made ]; then sort /srv/again; $AGAIN; else tac /srv/first; echo 1 >/var/lib/app/made; $FIRST; fi\\n\
exec httpd -f -p 80 -h /www\\n' >/usr/local/bin/entry && chmod 755 /usr/local/bin/entry
EXPOSE 80
ENTRYPOINT ["entry"]
"""


class Steps(Silent):
    """Keeps the names of all steps."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def step(self, name: str) -> AbstractContextManager[None]:
        self.names.append(name)
        return super().step(name)


@pytest.fixture(scope="module", autouse=True)
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    build(tmp_path_factory.mktemp("image"), IMAGE, DOCKERFILE)
    yield
    remove(IMAGE)


def observed(*options: str) -> tuple[Report, Steps]:
    steps = Steps()
    return slim(Request(image=IMAGE, docker_options=options, dry_run=True), steps), steps


def test_a_restart_of_both_images() -> None:
    def check(subject: Subject) -> None:
        subject.logged("first")
        docker("restart", "--time=0", subject.container)
        subject.logged("again")
        until(lambda: answers(int(docker("port", subject.container, "80").rpartition(":")[2])), "port 80", subject)

    report = hold(Case(image=IMAGE, check=check, ports=(80,)))
    files = {file["Path"] for file in report["Files"]}
    assert {"/usr/bin/sort", "/srv/again", "/usr/bin/tac"} <= files


def test_a_read_only_container_and_its_volume() -> None:
    report, steps = observed("--read-only", "--volume=/var/lib/app")
    assert {"/usr/bin/sort", "/srv/again"} <= set(kept(report))
    assert "observe a second start" in steps.names
    assert report.warnings == ()
    assert left_behind() == []


@pytest.mark.parametrize(
    ("option", "said"),
    [
        pytest.param("--env=AGAIN=exit 3", "started again, the app ended with status 3", id="it ends"),
        pytest.param("--env=AGAIN=rm /bin/httpd", "started again, the app ended with status 127", id="program gone"),
        pytest.param(
            "--env=FIRST=mkdir -p /.docker-slim-gate/a", "the second start of the container was not observed", id="in the gate's place"
        ),
    ],
)
def test_a_failed_second_start_is_reported(option: str, said: str) -> None:
    report, _ = observed(option)
    assert [said in warning for warning in report.warnings] == [True]
    assert {"/usr/bin/tac", "/www/index.html"} <= set(kept(report))
    assert left_behind() == []


def test_without_a_shell_it_is_started_once() -> None:
    steps = Steps()
    command = ("-f", "-p", "80", "-h", "/www")
    slim(Request(image=IMAGE, docker_options=("--entrypoint=httpd",), command=command, dry_run=True), steps)
    assert steps.names == ["inspect", "observe", "resolve"]
