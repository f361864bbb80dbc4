"""Profiles on a real engine: concluded, verified, repaired, and shown to stop what they forbid."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.cases.harness import SLIM, docker
from tests.integration.workflows.test_run import build, remove
from tests.schema import PROFILE_SCHEMA, violations

pytestmark = pytest.mark.integration

SERVER, JOB = "docker-slim-test/profile-server", "docker-slim-test/profile-job"
SERVER_APP = r"""
FROM debian:bookworm
COPY busybox /bin/httpd
RUN mkdir -p /www /data /var/lib/state && echo page >/www/index.html && echo old >/var/lib/state/old && useradd app \
 && printf '#!/bin/sh\necho $$ >/run/serve.pid; date >/data/date; echo new >/var/lib/state/new; chown app /run/serve.pid\n\
exec httpd -f -p 80 -h /www\n' >/usr/local/bin/serve && chmod 755 /usr/local/bin/serve
VOLUME /data
EXPOSE 80
CMD ["serve"]
"""
FILES = ["apparmor.profile", "compose.yaml", "kubernetes.yaml", "profile.json", "run.txt", "seccomp.json"]


@pytest.fixture(scope="module", autouse=True)
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    build(tmp_path_factory.mktemp("server"), SERVER, SERVER_APP)
    build(tmp_path_factory.mktemp("job"), JOB, 'FROM debian:bookworm\nCMD ["sh", "-c", "echo done"]\n')
    yield
    remove(SERVER, JOB)


def profiled(folder: Path, *words: str) -> dict[str, Any]:
    answer = subprocess.run([*SLIM, "profile", "--format=json", f"--output={folder}", *words], check=True, stdout=subprocess.PIPE)
    record = dict(json.loads(answer.stdout))
    assert violations(record, PROFILE_SCHEMA) == []
    assert json.loads((folder / "profile.json").read_text()) == record
    return record


def refused(*words: str, status: int = 1) -> str:
    answer = subprocess.run([*SLIM, "profile", *words], check=False, capture_output=True, text=True)
    assert answer.returncode == status, answer.stderr
    assert answer.stdout == ""
    return answer.stderr.partition("docker slim: ")[2]


def names(items: list[dict[str, str]]) -> set[str]:
    return {one["Name"] for one in items}


def stopped(record: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {one["Name"]: (one["Control"], one["Confined"]) for one in record["Attempts"]}


def test_a_server(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    record = profiled(folder, "--limits=memory,pids,nofile", "--publish=127.0.0.1::80", SERVER)
    assert sorted(one.name for one in folder.iterdir()) == FILES
    profile = record["Profile"]
    assert {one["Path"]: one["Kind"] for one in profile["Files"]["Places"]} == {
        "/data": "volume",
        "/run": "tmpfs",
        "/run/lock": "tmpfs",
        "/var/lib/state": "volume",
    }
    assert names(profile["Capabilities"]["Kept"]) == {"CHOWN"}
    assert "without it: chown calls fchownat(/run/serve.pid): EPERM" in profile["Capabilities"]["Kept"][0]["Reason"]
    assert "DAC_OVERRIDE" in names(profile["Capabilities"]["Dropped"])
    assert "bind(): EACCES" in profile["Capabilities"]["Kubernetes"][0]["Reason"]
    assert [(one["Number"], one["Protocol"]) for one in profile["Network"]["Ports"]] == [(80, "tcp")]
    assert profile["Ipc"]["Used"] == []
    assert {one["Name"] for one in profile["Limits"]} == {"memory", "pids", "nofile"}
    assert {"--pids-limit=32", "--ulimit=nofile=1024:1024"} <= set(record["Run"])
    assert "--ipc=none" in record["Run"]
    assert {"mqueue", "tracing", "chroot"} <= {one["Group"] for one in profile["Calls"]["Removed"]}
    assert 200 in {one["Status"] for one in record["Verified"]["Probes"]}
    tried = stopped(record)
    assert tried["create a file in /usr"] == ("ok", "EROFS")
    assert tried["mount a tmpfs"] == ("ok", "EPERM")
    assert tried["create a POSIX message queue"] == ("ok", "EPERM")
    assert tried["create a device"] == ("ok", "EPERM")
    assert all(one["Stopped"] for one in record["Attempts"])
    check_run_line(folder, profile)
    check_files(folder)


def check_files(folder: Path) -> None:
    """Check the files that no engine here runs with the parsers and schemas of their own tools."""
    subprocess.run(["docker-compose", "-f", "compose.yaml", "config", "-q"], cwd=folder, check=True)
    # Without the kernel's part, which this kernel may not have.
    subprocess.run(["apparmor_parser", "-Q", "-K", "apparmor.profile"], cwd=folder, check=True)
    for document in yaml.safe_load_all((folder / "kubernetes.yaml").read_text()):
        kubernetes_validate.validate(document, "1.31", strict=True)


def check_run_line(folder: Path, profile: dict[str, Any]) -> None:
    """Run the printed line, with a name and in the background."""
    line = (folder / "run.txt").read_text().replace("docker run", "docker run --rm -d --name docker-slim-test-profile")
    try:
        subprocess.run(["sh", "-c", line], check=True, cwd=folder, stdout=subprocess.DEVNULL)
        port = docker("port", "docker-slim-test-profile", "80").strip()
        deadline = time.monotonic() + 20
        while True:
            try:
                with urllib.request.urlopen(f"http://{port}/") as answer:
                    assert answer.read() == b"page\n"
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        # docker has copied the image's own files to the volume.
        assert docker("exec", "docker-slim-test-profile", "ls", "/var/lib/state").split() == ["new", "old"]
        status = docker("exec", "docker-slim-test-profile", "cat", "/proc/1/status")
        assert re.search(r"CapBnd:\s+0000000000000001\n", status)
        assert re.search(r"NoNewPrivs:\s+1\n", status)
        assert re.search(r"Seccomp:\s+2\n", status)
    finally:
        docker("rm", "-f", "-v", "docker-slim-test-profile")
        docker("volume", "rm", *(word.split("=", 1)[1].split(":")[0] for word in profile_volumes(folder)))


def profile_volumes(folder: Path) -> list[str]:
    return [word for word in json.loads((folder / "profile.json").read_text())["Run"] if word.startswith("--volume=")]


def test_a_job_gets_no_network_and_strict_calls(tmp_path: Path) -> None:
    record = profiled(tmp_path / "profile", "--syscalls=strict", JOB)
    profile = record["Profile"]
    assert "--network=none" in record["Run"]
    assert profile["Capabilities"]["Kept"] == []
    assert profile["Files"]["Places"] == []
    assert len(profile["Calls"]["Allowed"]) < record["Before"]["SystemCalls"] - 100
    # It has no socket(2) either.
    assert stopped(record)["connect to another host"] == ("ok", "EPERM")
    compose = yaml.safe_load((tmp_path / "profile" / "compose.yaml").read_text())
    assert compose["services"]["profile-job"]["network_mode"] == "none"
    assert docker("run", "--rm", f"--security-opt=seccomp={tmp_path}/profile/seccomp.json", JOB) == "done"


def test_what_is_refused_only_under_the_profile_is_repaired(tmp_path: Path) -> None:
    script = "echo x >/tmp/x; if grep -q ' /tmp tmpfs' /proc/mounts; then echo x >/srv/late; fi; echo end"
    record = profiled(tmp_path / "profile", "--no-attempts", JOB, "sh", "-c", script)
    assert {one["Path"] for one in record["Profile"]["Files"]["Places"]} == {"/srv", "/tmp"}
    (repair,) = record["Repairs"]
    (added,) = repair["Added"]
    assert added["Name"] == "writable /srv"
    assert added["Reason"].startswith("refused under the profile (EROFS): ")
    assert record["Attempts"] == []


def test_parts_can_be_left_out_and_added(tmp_path: Path) -> None:
    words = ("--no-capabilities", "--no-network", "--log-only", "--allow=write=/opt", "--allow=call=ptrace", "--no-attempts", "--limits=memory,pids,nofile")
    record = profiled(tmp_path / "profile", *words, JOB)
    assert record["Profile"]["Capabilities"] is record["Profile"]["Network"] is None
    assert {one["Path"] for one in record["Profile"]["Files"]["Places"]} == {"/opt"}
    assert json.loads((tmp_path / "profile" / "seccomp.json").read_text())["defaultAction"] == "SCMP_ACT_LOG"
    assert not any(word.startswith(("--cap", "--network")) for word in record["Run"])
    # It ends at once: what it uses may not have been read.
    unknown = {word for text in record["Warnings"] if text.startswith("no limit of ") for word in [text.split()[3].rstrip(":")]}
    assert {one["Name"] for one in record["Profile"]["Limits"]} | unknown == {"memory", "pids", "nofile"}


def test_an_app_that_does_not_work_under_a_profile_gets_none(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    text = refused(f"--output={folder}", JOB, "grep", "-q", "NoNewPrivs:.0", "/proc/self/status", status=3)
    assert "does not behave like the original under the profile" in text
    assert not folder.exists()


def test_run_writes_a_profile_of_the_slim_image(tmp_path: Path) -> None:
    folder, made = tmp_path / "profile", "docker-slim-test/profile-made:1"
    words = [*SLIM, "run", "--format=json", "--output=layered", f"--tag={made}", f"--profile={folder}", SERVER]
    try:
        report = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
        assert report["Passed"]
        assert report["Outputs"] == [str(folder)]
        record = json.loads((folder / "profile.json").read_text())
        assert violations(record, PROFILE_SCHEMA) == []
        assert record["Image"] == record["Run"][-1] == made
        assert record["ImageID"] == report["Images"][0]["ID"]
        assert names(record["Profile"]["Capabilities"]["Kept"]) == {"CHOWN"}
        assert all(one["Stopped"] for one in record["Attempts"])
    finally:
        remove(made)


def test_bad_input(tmp_path: Path) -> None:
    assert refused(f"--output={tmp_path}/x", "--privileged", JOB).startswith("cannot restrict a container with --privileged")
    (tmp_path / "file").touch()
    assert "the folder exists" in refused(f"--output={tmp_path}", JOB)
    answer = subprocess.run([*SLIM, "run", "--dry-run", "--profile=x", JOB], check=False, capture_output=True, text=True)
    assert "cannot make a profile without a slim image" in answer.stderr
    assert "cannot use --allow call=x" in refused("--allow=call=x", JOB, status=2)
    build(tmp_path, "docker-slim-test/profile-empty", "FROM scratch\nCOPY busybox /busybox\n")
    try:
        assert "the image has no command" in refused(f"--output={tmp_path}/x", "docker-slim-test/profile-empty")
    finally:
        remove("docker-slim-test/profile-empty")
    assert "cannot" in refused(f"--output={tmp_path}/x", JOB, "/absent")
    assert not (tmp_path / "x").exists()
    assert docker("ps", "-aq", "--filter", "label=docker-slim").strip() == ""
