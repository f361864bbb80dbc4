"""Whole runs on small real images: what is observed, kept, verified and reported."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_slim_plugin.engine.gate import GATE_NAME
from docker_slim_plugin.model.request import Request
from docker_slim_plugin.progress import Silent
from docker_slim_plugin.report.record import Report
from docker_slim_plugin.workflows.slim import slim
from tests.schema import violations

pytestmark = pytest.mark.integration

SERVER = """
FROM debian:bookworm
COPY busybox /bin/
RUN mkdir /www && echo '<a href=/second.html>two</a>' >/www/index.html && echo two >/www/second.html \
 && echo three >/www/third.html && echo late >/srv/late && echo bye >/srv/bye && echo healthy >/srv/healthy \
 && echo linked >/srv/linked && ln -s ../srv/linked /www/linked.html && echo '<a href=/linked.html>' >>/www/index.html \
 && printf '#!/bin/sh\\ntrap "cat /srv/bye; exit 0" TERM\\ntest $$ = 1 || exit 9\\nbusybox httpd -f -p 80 -h /www &\\nwait\\n' \
    >/usr/local/bin/serve && chmod 755 /usr/local/bin/serve
EXPOSE 80
HEALTHCHECK CMD cat /srv/healthy && busybox wget -q -O /dev/null http://127.0.0.1/
ENTRYPOINT ["serve"]
"""
RIGHTS = """
FROM debian:bookworm
RUN cp /usr/bin/id /usr/local/bin/rootid && chmod 4755 /usr/local/bin/rootid
USER 1234
CMD ["sh","-c","rootid -u; rootid -un"]
"""
JAIL = """
FROM debian:bookworm
COPY busybox /jail/bin/busybox
RUN mkdir -p /jail/etc && echo inside >/jail/etc/target && ln -s /etc/target /jail/link && echo outside >/etc/target
CMD ["chroot","/jail","/bin/busybox","cat","/link"]
"""


def build(directory: Path, name: str, dockerfile: str) -> str:
    (directory / "Dockerfile").write_text(dockerfile, encoding="utf-8")
    (directory / "busybox").write_bytes(Path("/bin/busybox").read_bytes())
    (directory / "busybox").chmod(0o755)
    subprocess.run(["docker", "build", "-q", "-t", name, str(directory)], check=True, stdout=subprocess.DEVNULL)
    return name


def remove(*names: str) -> None:
    subprocess.run(["docker", "rmi", "-f", *names], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Build the Dockerfile of the parameter. Its image, and images made from it, are removed at the end."""
    name = "docker-slim-test/run"
    yield build(tmp_path, name, request.param)
    remove(name, f"{name}:latest-slim", f"{name}:latest-slim-squashed")


def kept(report: Report) -> dict[str, set[tuple[str, str]]]:
    """Return the pairs of kind and `by` of the reasons, by path."""
    return {
        str(one.entry.path): {(reason.kind.value, reason.by) for reason in one.reasons} for one in report.plan.kept
    }


@pytest.mark.parametrize("image", [SERVER], indirect=True)
def test_a_server(image: str) -> None:
    report = slim(Request(image=image, exec_=("cat /srv/late",)), Silent())
    assert report.passed
    files = kept(report)
    assert {"/www/index.html", "/www/second.html", "/srv/late", "/srv/healthy", "/srv/bye"} <= set(files)
    assert "/www/third.html" not in files
    assert ("access", "cat") in files["/srv/late"]
    assert report.observations.result.stop_status == 0
    assert {(probe.kind, probe.status) for probe in report.observations.result.probes} == {
        ("http", 200),
        ("http", 404),  # favicon.ico, robots.txt
        ("http-status", 200),
        ("http-status", 206),
        ("http-status", 404),
        ("http-status", 501),
        ("exec", 0),
        ("healthcheck", 0),
    }
    assert [one.form for one in report.images] == ["layered", "squashed"]
    assert all(one.size < report.source.size / 10 for one in report.images)
    assert report.observations.lost == 0
    assert violations(json.loads(Path(report.file).read_text(encoding="ascii"))) == []


@pytest.mark.parametrize("image", [SERVER], indirect=True)
@pytest.mark.parametrize(("tracer", "watch"), [("syscall", "off"), ("off", "auto"), ("auto", "inotify"), ("off", "inotify")])
def test_a_server_seen_otherwise(image: str, tracer: str, watch: str) -> None:
    report = slim(Request(image=image, tracer=tracer, watch=watch, outputs=("layered",)), Silent())
    assert report.passed
    assert {"/www/second.html", "/www/linked.html", "/srv/healthy", "/srv/bye"} <= set(kept(report))
    # Only the watcher opens this directory.
    assert "/var/cache" not in {access.path for access in report.observations.accesses}


@pytest.mark.parametrize("image", [SERVER], indirect=True)
def test_a_read_only_server(image: str) -> None:
    assert slim(Request(image=image, docker_options=("--read-only",), outputs=("layered",)), Silent()).passed


@pytest.mark.parametrize("image", [SERVER], indirect=True)
def test_what_an_app_finds_in_its_root_is_the_images(image: str) -> None:
    server = slim(Request(image=image, exec_=("ls -A /", "ls -A / | wc -l"), outputs=("layered",)), Silent())
    job = slim(Request(image=image, docker_options=("--entrypoint=ls",), command=("-A", "/"), dry_run=True), Silent())
    listed = [probe.output for probe in server.observations.result.probes if probe.kind == "exec"]
    assert server.passed
    assert (server.warnings, server.repairs) == ((), ())
    assert listed[0] == job.observations.result.output
    assert "usr\n" in listed[0]
    assert GATE_NAME not in listed[0]


@pytest.mark.parametrize("image", [SERVER], indirect=True)
def test_docker_s_own_init(image: str) -> None:
    options = ("--init", "--entrypoint=busybox")
    command = ("httpd", "-f", "-p", "80", "-h", "/www")
    report = slim(Request(image=image, docker_options=options, command=command, outputs=("layered",)), Silent())
    assert report.passed
    assert "/www/second.html" in kept(report)


@pytest.mark.parametrize("image", [RIGHTS], indirect=True)
def test_a_setuid_program_runs_again_without_the_filter(image: str) -> None:
    report = slim(Request(image=image), Silent())
    assert report.passed
    assert report.observations.mode == "syscall"
    assert any("gains privileges" in warning for warning in report.warnings)
    assert report.observations.result.output.split() == ["0", "root"]
    assert "/usr/local/bin/rootid" in kept(report)


@pytest.mark.parametrize("image", [JAIL], indirect=True)
def test_a_link_in_a_chroot(image: str) -> None:
    report = slim(Request(image=image), Silent())
    assert report.passed
    assert {"/jail/link", "/jail/etc/target"} <= set(kept(report))
    assert "/etc/target" not in kept(report)


@pytest.mark.parametrize("image", [SERVER], indirect=True)
def test_the_same_trace_gives_the_same_digests(image: str) -> None:
    first, second = (slim(Request(image=image, verify=False), Silent()) for _ in range(2))
    assert [kept_.entry for kept_ in first.plan.kept] == [kept_.entry for kept_ in second.plan.kept]
    digests = [[(one.form, blob.diff_id) for one in run.images for blob in one.layers] for run in (first, second)]
    assert digests[0] == digests[1]
    assert first.images[0].id == second.images[0].id
