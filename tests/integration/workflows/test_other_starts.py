"""Starts beside the given one: with --help, with empty volumes; the jobs of cron. On a real engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cases.harness import SLIM, docker
from tests.integration.workflows.test_run import build, remove

pytestmark = pytest.mark.integration

TOOL, JOBS = "docker-slim-test/tool", "docker-slim-test/jobs"
TOOL_APP = r"""
FROM debian:bookworm
COPY busybox /bin/httpd
RUN mkdir -p /www /data && echo page >/www/index.html && echo made >/data/made && echo help >/srv/help && echo first >/srv/first \
 && printf '#!/bin/sh\nif [ "$1" = --help ]; then exec tac /srv/help; fi\n\
[ -e /data/made ] || { rev </srv/first >/data/made || exit 1; }\nexec httpd -f -p 80 -h /www\n' >/usr/local/bin/entry \
 && chmod 755 /usr/local/bin/entry
VOLUME /data
EXPOSE 80
ENTRYPOINT ["entry"]
"""
JOBS_APP = r"""
FROM debian:bookworm
COPY busybox /bin/crond
RUN rm -rf /etc/cron.d && mkdir -p /var/spool/cron/crontabs /etc/cron.d /data && echo text >/data/text && useradd -m ann \
 && printf 'A=text\n0 3 1 1 * tac /data/$A >/dev/null\n0 3 1 1 * cat /data/absent\n@reboot sort /data/text\n' >/var/spool/cron/crontabs/root \
 && printf '0 3 1 1 * ann pwd >/home/ann/here; readlink /sys/class/net/eth0\n' >/etc/cron.d/own
CMD ["crond", "-f"]
"""


@pytest.fixture(scope="module", autouse=True)
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    build(tmp_path_factory.mktemp("tool"), TOOL, TOOL_APP)
    build(tmp_path_factory.mktemp("jobs"), JOBS, JOBS_APP)
    yield
    remove(*(f"{image}{suffix}" for image in (TOOL, JOBS) for suffix in ("", ":made", ":made-squashed")))


def slimmed(image: str, *options: str) -> dict[str, Any]:
    words = options if image in options else (*options, image)
    answer = subprocess.run([*SLIM, "run", f"--tag={image}:made", "--force", "--format=json", *words], check=True, stdout=subprocess.PIPE)
    return dict(json.loads(answer.stdout))


def probes(report: dict[str, Any], kind: str) -> dict[str, Any]:
    return {one["Target"]: one for one in report["Observed"]["Probes"] if one["Kind"] == kind}


def kept(report: dict[str, Any]) -> set[str]:
    return {one["Path"] for one in report["Files"]}


def test_help_and_empty_volumes(tmp_path: Path) -> None:
    report = slimmed(TOOL, "--level=app")
    starts = probes(report, "start")
    assert len(starts) == 2
    assert {word.partition("=")[0] for word in starts} == {"--help", "--tmpfs"}
    assert docker("run", "--rm", f"{TOOL}:made", "--help").strip() == "help"
    assert docker("run", "--rm", f"{TOOL}:made-squashed", "--help").strip() == "help"
    # With an empty volume of the user.
    container = docker("run", "-d", "-v", f"{tmp_path}:/data", f"{TOOL}:made").strip()
    try:
        subprocess.run(["sh", "-c", f"until [ -s {tmp_path}/made ]; do sleep 0.1; done"], check=True, timeout=20)
        assert (tmp_path / "made").read_text().strip() == "tsrif"
    finally:
        docker("rm", "-f", container)


def test_they_can_be_left_out() -> None:
    for options in (["--no-other-starts"], ["--level=exact"], ["-v", "/tmp:/host"]):
        assert not probes(slimmed(TOOL, *options), "start")


def test_jobs_run_once_without_a_network() -> None:
    report = slimmed(JOBS, "--level=exact")
    jobs = probes(report, "cron")
    assert {target: one["Status"] for target, one in jobs.items()} == {
        "root: tac /data/$A >/dev/null": 0,
        "root: cat /data/absent": 1,
        "ann: pwd >/home/ann/here; readlink /sys/class/net/eth0": 1,
    }
    assert any("cat /data/absent failed on the original too" in warning for warning in report["Warnings"])
    assert docker("run", "--rm", f"{JOBS}:made", "tac", "/data/text").strip() == "text"


def test_a_container_is_connected_again_before_its_second_start() -> None:
    words = ("-c", "readlink /sys/class/net/eth0 >/dev/null || exit 9; exec crond -f")
    report = slimmed(JOBS, "--level=exact", "--entrypoint=sh", JOBS, *words)
    assert len(probes(report, "cron")) == 3
    assert not any("started again" in warning for warning in report["Warnings"])


def test_jobs_do_not_reach_data_of_the_host(tmp_path: Path) -> None:
    report = slimmed(JOBS, "-v", f"{tmp_path}:/home/ann")
    assert not probes(report, "cron")
    assert any("3 jobs of cron were not run" in warning for warning in report["Warnings"])
    assert not (tmp_path / "here").exists()
    tmp_path.chmod(0o777)
    report = slimmed(JOBS, "-v", f"{tmp_path}:/home/ann", "--run-cron")
    jobs = probes(report, "cron")
    assert jobs["ann: pwd >/home/ann/here; readlink /sys/class/net/eth0"]["Status"] == 0
    assert (tmp_path / "here").read_text().strip() == "/home/ann"
