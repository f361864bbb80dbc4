"""What cannot be done is said in one line with the next step, and leaves nothing behind."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from docker_slim_plugin.engine.tag_locks import LOCK_DIRECTORY
from tests.archives import reload
from tests.cases.harness import SLIM
from tests.faithful import left_behind
from tests.integration.workflows.test_run import SERVER, build, remove

pytestmark = pytest.mark.integration

IMAGE = "docker-slim-test/input"
SHELL = "docker-slim-test/shell"


@pytest.fixture(scope="module", autouse=True)
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    build(tmp_path_factory.mktemp("image"), IMAGE, SERVER)
    build(tmp_path_factory.mktemp("shell"), SHELL, 'FROM debian:bookworm\nCMD ["bash"]\n')
    yield
    remove(IMAGE, SHELL, f"{IMAGE}:latest-slim", f"{IMAGE}:latest-slim-squashed", "docker-slim-test/out")


def slim(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SLIM, *arguments], check=False, capture_output=True, text=True, timeout=100, env={**os.environ, **environment}
    )


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("run", "docker-slim-test/none"), 1, "cannot find the image 'docker-slim-test/none'"),
        (("run", "debian:bookworm"), 1, "the image has no command"),
        (("run", SHELL), 1, "only a shell was executed"),
        (("run", "--tga", "x", IMAGE), 2, "try: --tag"),
        (("profile", "--limits", "disk", IMAGE), 2, "cannot use --limits 'disk'"),
        (("profile", "--limits", "", IMAGE), 2, "--limits memory,pids,nofile"),
        (("run", "--tag", IMAGE, IMAGE), 2, "the source's own name"),
        (("run", "--tag", "Bad Name", IMAGE), 2, "as an image's name"),
        (("run", "--tag", SHELL, IMAGE), 1, "another image has that name"),
        (("run", "--until", "5x", IMAGE), 2, "--until"),
        (("run", "--http", "nonsense", IMAGE), 2, "cannot read the probe"),
        (("run", "--http", "/none", IMAGE), 1, "--http GET 80/none: HTTP 404"),
        (("run", "--http", "404:/", IMAGE), 1, "--http GET 80/: HTTP 200, not 404"),
        (("run", "--http", "81/", IMAGE), 1, "nothing listens on 81"),
        (("run", "--output", "layered,oci=/none/such/file", IMAGE), 1, "there is no such directory"),
        (("run", "--output", "oci=/dev/full", IMAGE), 1, "cannot write /dev/full: No space left on device"),
        (("trace", "-o", "/dev/full", IMAGE), 1, "cannot write /dev/full: No space left on device"),
        (("run", "--entrypoint", "sh", IMAGE, "-c", "echo last words; exit 3"), 1, "status 3:\n    last words"),
        (("run", "--entrypoint", "none-such", IMAGE), 1, "none-such: No such file or directory"),
        (("run", "--no-http", "--exec", "false", SHELL, "sleep", "600"), 1, "no probe succeeded"),
        (("run", "Bad:name"), 1, "as an image's name"),
        (("run", "--user", "nobody-here", IMAGE), 1, "unable to find user nobody-here"),
        (("run", "--network", "none-such", IMAGE), 1, "network none-such not found"),
        (("run", "--output", "context=/etc", IMAGE), 1, "cannot write a context to /etc: it is not empty"),
        (("run", "--output", "context=/dev/null/x", IMAGE), 1, "/dev/null is no directory"),
        (("run", "--expose", "81", "--timeout", "2", SHELL, "sleep", "60"), 1, "nothing listens on port 81"),
        (("run", "--until", "exit", "--timeout", "2", IMAGE), 1, "the app has not ended"),
        (("--host", "tcp://127.0.0.1:1", "slim", "run", IMAGE), 1, "cannot slim on a remote engine"),
        (("--host", "unix:///none.sock", "slim", "run", IMAGE), 1, "cannot reach the Docker Engine"),
    ],
)
def test_an_error(arguments: tuple[str, ...], status: int, said: str) -> None:
    answer = slim(*arguments)
    assert said in answer.stderr
    assert "  try: " in answer.stderr
    assert "Traceback" not in answer.stderr
    assert (answer.returncode, answer.stdout) == (status, "")
    assert left_behind() == []


def test_no_place_for_temporary_files() -> None:
    answer = slim("run", IMAGE, TMPDIR="/none/such")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "cannot make temporary files in /none/such: No such file or directory" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("place", ["/proc/none", "/dev/null"])
def test_no_state_folder(place: str) -> None:
    answer = slim("run", "--output=layered", IMAGE, XDG_STATE_HOME=place)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "cannot write to the state folder" in answer.stderr
    assert "observe" not in answer.stderr


def test_a_report_that_cannot_be_kept_is_a_warning(tmp_path: Path) -> None:
    """The folder is gone by then: what is done is done, and said."""
    state = tmp_path / "state"
    lose = f"rm -r {state}; touch {state}"
    answer = slim("run", "--output=layered", "--no-verify", "--host-exec", lose, IMAGE, XDG_STATE_HOME=str(state))
    assert answer.returncode == 0, answer.stderr
    assert "warning: cannot write the report" in answer.stderr
    assert f"{IMAGE}:latest-slim" in answer.stdout
    assert "report:" not in answer.stdout


def test_the_later_of_two_runs_with_one_tag_is_refused() -> None:
    tag = "docker-slim-test/twice:1"
    command = [*SLIM, "run", "-q", "--output=layered", "--tag", tag, "--until", "6", IMAGE]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as first:
        until = time.monotonic() + 60
        lock = LOCK_DIRECTORY / f"{hashlib.sha256(tag.encode()).hexdigest()[:32]}.lock"
        while not lock.exists() and time.monotonic() < until:
            time.sleep(0.05)
        second = slim("run", "-q", "--tag", tag, IMAGE)
        assert (second.returncode, second.stdout) == (1, "")
        assert f"cannot write to {tag}: another docker slim is going to write it" in second.stderr
        assert first.wait(100) == 0
    remove(tag)


def test_without_root() -> None:
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    answer = subprocess.run([*user, *SLIM, "run", IMAGE], check=False, capture_output=True, text=True, timeout=100)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "without root" in answer.stderr
    assert "try: sudo docker slim" in answer.stderr


def test_an_image_for_another_architecture(tmp_path: Path) -> None:
    name = "docker-slim-test/architecture"
    (tmp_path / "file").write_bytes(b"")
    build(tmp_path, name, 'FROM scratch\nCOPY file /\nCMD ["/file"]\n')
    other = "arm64" if os.uname().machine == "x86_64" else "amd64"
    try:
        reload(name, f"{name}-other", tmp_path, change=lambda config: config.update(architecture=other))
        answer = slim("run", f"{name}-other")
        assert answer.returncode == 1
        assert f"cannot run an image for linux/{other}" in answer.stderr
        assert left_behind() == []
    finally:
        remove(name, f"{name}-other")


class Versioned(http.server.BaseHTTPRequestHandler):
    """A stand-in for engines that this host has not: it only tells its version, as they do."""

    answer: Mapping[str, object]

    def do_GET(self) -> None:
        data = json.dumps(self.answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.mark.parametrize(
    ("version", "said"),
    [
        pytest.param(
            {"Version": "19.03.15", "ApiVersion": "1.40", "MinAPIVersion": "1.12"},
            "cannot work with Docker Engine 19.03.15: 20.10 or later is needed",
            id="too old",
        ),
        pytest.param(
            {"Components": [{"Name": "Podman Engine"}], "Version": "5.4.2", "ApiVersion": "1.41"},
            "cannot slim on Podman (unix://",
            id="podman",
        ),
        pytest.param(
            {"Components": [{"Name": "Engine"}, {"Name": "rootlesskit"}], "Version": "26.1.5", "ApiVersion": "1.45"},
            "cannot slim on a rootless engine (unix://",
            id="rootless",
        ),
    ],
)
def test_engines_that_cannot_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: dict[str, object], said: str
) -> None:
    monkeypatch.setattr(Versioned, "answer", version, raising=False)
    address = f"{tmp_path}/docker.sock"
    with socketserver.UnixStreamServer(address, Versioned) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            answer = slim("--host", f"unix://{address}", "slim", "run", IMAGE)
        finally:
            server.shutdown()
    assert answer.returncode == 1
    assert said in answer.stderr


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = slim("run", "-p", f"127.0.0.1:{server.getsockname()[1]}:80", IMAGE)
    assert answer.returncode == 1
    assert "choose another host port" in answer.stderr
    assert left_behind() == []


def test_a_full_disk(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], check=True)
    try:
        answer = slim("run", IMAGE, TMPDIR=str(tmp_path))
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert answer.returncode == 1
    assert "No space left on device" in answer.stderr
    assert left_behind() == []


def test_an_image_that_differs_is_not_named() -> None:
    answer = slim("run", "--drop", "/www/second.html", "--tag", "docker-slim-test/out", IMAGE)
    assert answer.returncode == 3
    assert "GET 80/second.html: 404, not 200" in answer.stderr
    listed = subprocess.run(["docker", "images", "-q", "docker-slim-test/out"], check=True, stdout=subprocess.PIPE)
    assert listed.stdout == b""
    assert left_behind() == []


def test_a_slim_image_is_not_slimmed_again() -> None:
    first = slim("run", "-q", "--output=layered", "--no-verify", IMAGE)
    assert first.returncode == 0
    again = slim("run", f"{IMAGE}:latest-slim")
    assert again.returncode == 1
    assert "it is slim already" in again.stderr


def test_quiet_prints_the_id_alone_and_json_one_line(tmp_path: Path) -> None:
    file = tmp_path / "id"
    quiet = slim("run", "-q", "--iidfile", str(file), IMAGE)
    assert quiet.stdout == f"{file.read_text(encoding='ascii').strip()}\n"
    answer = slim("run", "--format", "json", IMAGE)
    document = json.loads(answer.stdout)
    assert answer.stdout.count("\n") == 1
    assert document["Passed"] is True
    assert document["Images"][0]["ID"] == quiet.stdout.strip()


def test_a_dry_run_writes_no_image() -> None:
    remove(f"{IMAGE}:latest-slim", f"{IMAGE}:latest-slim-squashed")
    assert slim("run", "--dry-run", IMAGE).returncode == 0
    listed = subprocess.run(["docker", "images", "-q", f"{IMAGE}:latest-slim"], check=True, stdout=subprocess.PIPE)
    assert listed.stdout == b""
