"""What cannot be done is said in one line with the next step, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_run import SERVER, build, remove
from tests.integration.test_stopped import SLIM, left_behind

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
        (("run", "debian:bookworm"), 1, "it has no command of its own"),
        (("run", SHELL), 1, "nothing but a shell was seen"),
        (("run", "--tga", "x", IMAGE), 2, "try: --tag"),
        (("run", "--tag", IMAGE, IMAGE), 2, "the source's own name"),
        (("run", "--tag", "Bad Name", IMAGE), 2, "as an image's name"),
        (("run", "--tag", SHELL, IMAGE), 1, "another image has that name"),
        (("run", "--until", "5x", IMAGE), 2, "--until"),
        (("run", "--http", "nonsense", IMAGE), 2, "cannot read the probe"),
        (("run", "--output", "layered,oci=/none/such/file", IMAGE), 1, "there is no such directory"),
        (("run", "--entrypoint", "sh", IMAGE, "-c", "echo last words; exit 3"), 1, "status 3:\n    last words"),
        (("run", "--entrypoint", "none-such", IMAGE), 1, "none-such: No such file or directory"),
        (("run", "--no-http", "--exec", "false", "--entrypoint", "sleep", IMAGE, "600"), 1, "no probe succeeded"),
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
    first = slim("run", "-q", IMAGE)
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
