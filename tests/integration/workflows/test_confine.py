"""Confined images: they do what the source does, and nothing else. On a real engine, under the real kernel."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cases.harness import SLIM, docker
from tests.faithful import left_behind
from tests.integration.workflows.test_run import build, remove
from tests.tracing import compile_c

pytestmark = pytest.mark.integration

SERVER, TOOL = "docker-slim-test/confined-server", "docker-slim-test/confined-tool"
SERVER_APP = r"""
FROM debian:bookworm
COPY busybox /bin/httpd
RUN mkdir -p /www /data && echo page >/www/index.html \
 && printf '#!/bin/sh\necho $$ >/run/app.pid\nexec httpd -f -p ${PORT:-8080} -h /www\n' >/usr/local/bin/entry \
 && chmod 755 /usr/local/bin/entry && chmod u+s /usr/bin/id
VOLUME /data
EXPOSE 8080
ENV PORT=8080
WORKDIR /www
ENTRYPOINT ["entry"]
"""
TOOL_CODE = """
    if (access("/.docker-slim-confine", F_OK) == 0 && argc > 1 && (open("/data/late", O_CREAT | O_WRONLY, 0600) < 0
        || syscall(SYS_shmget, 0, 4096, 01600) < 0)) return 4;
    return socket(AF_INET, SOCK_DGRAM, 0) < 0 ? 3 : 0;
"""
TOOL_APP = """
FROM scratch
COPY program /app/program
COPY --chown=1000:1000 empty /data
WORKDIR /app
USER 1000:1000
CMD ["./program"]
"""
ENOSYS = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["landlock_create_ruleset"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}],
}


@pytest.fixture(scope="module", autouse=True)
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    build(tmp_path_factory.mktemp("server"), SERVER, SERVER_APP)
    directory = tmp_path_factory.mktemp("tool")
    compile_c(directory, f'printf("out"); {TOOL_CODE}', "-static")
    (directory / "empty").mkdir()
    build(directory, TOOL, TOOL_APP)
    yield
    remove(*(f"{image}{end}" for image in (SERVER, TOOL) for end in ("", ":made", ":made-squashed", ":made-confined")))


def run(image: str, *options: str) -> subprocess.CompletedProcess[str]:
    argv = [*SLIM, "run", f"--tag={image}:made", "--force", "--format=json", "--level=exact", *options]
    return subprocess.run(argv, check=False, capture_output=True, text=True)


def confined(image: str, *options: str) -> dict[str, Any]:
    answer = run(image, "--confine", *options, image)
    assert answer.returncode == 0, answer.stderr
    return dict(json.loads(answer.stdout))


def started(*arguments: str) -> tuple[int, str]:
    """Return the exit status and the output of `docker run`."""
    argv = ["docker", "run", "--rm", *arguments]
    answer = subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return answer.returncode, answer.stdout


def test_a_server(tmp_path: Path) -> None:
    report = confined(SERVER, "--keep=/bin/sh", "--allow=bind=8081")
    assert [image["Form"] for image in report["Images"]] == ["layered", "squashed", "confined"]
    found = report["Confined"]
    allowed = {(one["Kind"], one["Value"]) for one in found["Allowed"]}
    assert {("bind", "8080"), ("bind", "8081"), ("write", "/run"), ("write", "/data")} <= allowed
    assert ("write", "/") not in allowed
    assert found["LauncherSize"] <= 8192
    attempts = {one["Name"]: one for one in found["Attempts"] if one["Tried"]}
    assert {"MPTCP socket", "mq_open", "shmget", "packet socket", "io_uring_setup", "signal to a process outside"} <= set(attempts)
    assert {one["Control"] for one in attempts.values()} <= {"ok", "ECONNREFUSED"}
    assert {one["Confined"] for one in attempts.values()} == {"EACCES", "EPERM"}
    image = f"{SERVER}:made-confined"
    config = json.loads(docker("image", "inspect", "--format={{json .Config}}", image))
    assert config["Entrypoint"] == ["/.docker-slim-confine", "entry"]
    assert (config["WorkingDir"], config["Volumes"], config["ExposedPorts"]) == ("/www", {"/data": {}}, {"8080/tcp": {}})
    # PID 1 is the app, with the user, directory and environment of the source; it cannot bind another port.
    container = docker("run", "-d", image).strip()
    try:
        command = "until [ -s /run/app.pid ]; do :; done; read pid </run/app.pid; echo $pid; read name </proc/1/comm; echo $name"
        assert docker("exec", container, "sh", "-c", command).split() == ["1", "httpd"]
    finally:
        docker("rm", "-f", container)
    status, said = started("-e", "PORT=8082", image)
    assert (status, "Permission denied" in said) == (1, True)
    shell = ("--entrypoint=/.docker-slim-confine", "-v", f"{tmp_path}:/mine", image, "sh", "-c")
    assert started(*shell, "pwd; : >/data/x && : >/run/x && : >/dev/null && echo fine") == (0, "/www\nfine\n")
    for place in ("/x", "/etc/x", "/mine/x"):
        assert started(*shell, f": >{place}")[0] == 2
    assert list(tmp_path.iterdir()) == []
    assert started(f"--entrypoint={SERVER}", image)[0] == 127
    assert left_behind() == []


def test_kernels_without_landlock(tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text(json.dumps(ENOSYS))
    option = f"--security-opt=seccomp={profile}"
    report = confined(TOOL, "--output=confined")
    assert [image["Form"] for image in report["Images"]] == ["confined"]
    said = "docker slim: this kernel has no usable Landlock: ports, files and devices are not restricted\n"
    assert started(f"{TOOL}:made-confined") == (0, "out")
    status, output = started(option, f"{TOOL}:made-confined")
    # Standard output and error are two streams.
    assert (status, output.replace(said, "", 1)) == (0, "out")
    answer = run(TOOL, "--confine=require", TOOL)
    assert answer.returncode == 0, answer.stderr
    assert started(f"{TOOL}:made-confined") == (0, "out")
    assert started(option, f"{TOOL}:made-confined") == (126, said)
    # On such a kernel it is verified as far as it can be, and said.
    answer = run(TOOL, "--confine", option, TOOL)
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    (warning,) = (one for one in report["Warnings"] if "Landlock is too old" in one)
    assert "bind TCP port" in warning
    assert "mq_open" not in warning
    by_filter = [one["Confined"] for one in report["Confined"]["Attempts"] if one["By"] == "seccomp" and one["Tried"]]
    assert len(by_filter) >= 3
    assert {*by_filter} == {"EACCES", "EPERM"}


def test_what_only_the_confined_image_tries_is_added() -> None:
    report = confined(TOOL)
    assert ("write", "/data") not in {(one["Kind"], one["Value"]) for one in report["Confined"]["Allowed"]}
    answer = run(TOOL, "--confine", TOOL, "./program", "late")
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    assert {("write", "/data"), ("ipc", "sysv")} <= {(one["Kind"], one["Value"]) for one in report["Confined"]["Allowed"]}
    assert any("also allow what only it tried: write /data" in one for one in report["Warnings"])
    answer = run(TOOL, "--confine", "--no-repair", TOOL, "./program", "late")
    assert answer.returncode == 3
    assert left_behind() == []


def test_a_dry_run_tells_the_rules() -> None:
    report = confined(TOOL, "--dry-run")
    assert (report["Images"], report["Confined"]["Attempts"]) == ([], [])
    assert {"Kind": "socket", "Value": "udp"} in report["Confined"]["Allowed"]


def test_an_app_that_dies_when_it_is_confined() -> None:
    remove(*(f"{TOOL}:made{end}" for end in ("", "-squashed", "-confined")))
    answer = run(TOOL, "--confine", "--deny=udp", TOOL)
    assert answer.returncode == 3
    assert "verification of the confined image failed, so it was not tagged" in answer.stderr
    assert not docker("images", "-q", f"{TOOL}:made*").strip()
    assert left_behind() == []


@pytest.mark.parametrize(
    ("options", "command", "said"),
    [
        (("--user=1000",), ("/usr/bin/id",), "/usr/bin/id gains privileges when it is executed"),
        (("--cap-add=SYS_ADMIN",), ("mount", "-t", "tmpfs", "none", "/mnt"), "the app mounts file systems (mount)"),
        (("--tracer=off",), ("/usr/bin/id",), "the run was not traced"),
    ],
)
def test_what_cannot_be_confined(options: tuple[str, ...], command: tuple[str, ...], said: str) -> None:
    answer = run(SERVER, "--confine", "--until=exit", *options, "--entrypoint=", SERVER, *command)
    assert answer.returncode == 1
    assert said in answer.stderr
    assert left_behind() == []


def test_an_entrypoint_of_the_command_line() -> None:
    answer = run(SERVER, "--confine", "--until=exit", "--entrypoint=/bin/cat", "--read-only", SERVER, "/www/index.html")
    assert answer.returncode == 0, answer.stderr
    image = f"{SERVER}:made-confined"
    assert started("--entrypoint=/.docker-slim-confine", image, "cat", "/www/index.html") == (0, "page\n")
