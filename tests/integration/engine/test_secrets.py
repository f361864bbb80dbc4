"""A planted secret reaches the app, and nothing else that a run leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.workflows.test_run import build, remove

pytestmark = pytest.mark.integration

IMAGE = "docker-slim-test/secrets"
SECRET, OTHER = "planted-s3cret", "another-pl4nted one"
ENTRY = """#!/bin/sh
echo "starting with $TOKEN $FROM_FILE $HTTP_PROXY"
[ "$TOKEN" = "planted-s3cret" ] && [ "$FROM_FILE" = "another-pl4nted one" ] && [ "$HTTP_PROXY" = "http://u:planted-s3cret@proxy/" ] || exit 9
exec sleep 1000
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("image")
    (directory / "entry").write_text(ENTRY)
    (directory / "entry").chmod(0o755)
    build(directory, IMAGE, 'FROM debian:bookworm\nCOPY entry /entry\nCMD ["/entry"]\n')
    yield IMAGE
    remove(IMAGE)


def stored(directory: Path) -> dict[str, Any]:
    (file,) = (directory / "state" / "docker-slim").glob("*.json")
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    return json.loads(file.read_text())


def slim(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    answer = subprocess.run(
        [sys.executable, "-m", "docker_slim_plugin", *arguments],
        check=False,
        cwd=directory,
        capture_output=True,
        text=True,
        env=os.environ | {"XDG_STATE_HOME": str(directory / "state"), "TMPDIR": str(directory)} | environment,
    )
    for name, text in (("out", answer.stdout), ("err", answer.stderr)):
        (directory / f"{arguments[0]}-{len(os.listdir(directory))}.{name}").write_text(text)
    return answer


def test_no_value_is_stored_anywhere(image: str, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_text(f"FROM_FILE={OTHER}\n")
    here = tmp_path / "here"
    here.mkdir()
    options = (
        "-e", f"TOKEN={SECRET}", "--env-file", str(given), "-e", f"HTTP_PROXY=http://u:{SECRET}@proxy/", "--until", "probes",
        "--exec", f"test $TOKEN = {SECRET} && env", "--exec", f"echo {SECRET} >&2; exit 3", "--host-exec", f"echo {SECRET} --password hunter22",
    )  # fmt: skip
    for form in ("table", "json"):
        made = slim(here, "run", "--verbose", "--format", form, *options, image)
        assert made.returncode == 0, made.stderr
        assert form == "json" or f"run it: docker run -e TOKEN --env-file {given} -e HTTP_PROXY {image}:latest-slim" in made.stdout
    traced = slim(here, "trace", "-o", "trace", *options, image)
    assert traced.returncode == 0, traced.stderr
    lacking = slim(here, "build", "--trace", "trace", image)
    assert lacking.returncode == 1
    assert "without TOKEN, FROM_FILE, HTTP_PROXY: a trace contains no values" in lacking.stderr
    values = ("-e", "TOKEN", "--env-file", str(given), "-e", f"HTTP_PROXY=http://u:{SECRET}@proxy/")
    refused = slim(here, "build", "--trace", "trace", *values, image, TOKEN=SECRET)
    assert refused.returncode == 1
    assert "run on this host: echo *** --password ***" in refused.stderr
    for consent in (("--trust-trace",), ("--host-exec", f"echo {SECRET} --password hunter22")):
        built = slim(here, "build", "--verbose", "--trace", "trace", *values, *consent, image, TOKEN=SECRET)
        assert built.returncode == 0, built.stderr
    wrong = slim(here, "run", "-e", f"TOKEN={SECRET}", image)
    assert wrong.returncode == 1
    assert "starting with ***" in wrong.stderr
    leaks = [path for path in here.rglob("*") if path.is_file() and any(s.encode() in path.read_bytes() for s in (SECRET, OTHER))]
    assert leaks == []
    said = [path for path in here.rglob("*") if path.is_file() and b"hunter22" in path.read_bytes()]
    assert [path.name for path in said] == ["trace"]


def test_a_value_that_a_long_command_line_cuts(image: str, tmp_path: Path) -> None:
    token = "".join(f"{number:x}" for number in range(1000, 1500))
    made = slim(tmp_path, "run", "--no-verify", "-e", f"TOKEN={token}", "--entrypoint", "sh", image, "-c", 'cat /etc/passwd "$TOKEN"; true')
    assert made.returncode == 0, made.stderr
    report = stored(tmp_path)
    assert ["cat", "/etc/passwd", "..."] in [one["Arguments"] for one in report["Processes"]]
    assert token[:8] not in json.dumps(report["Processes"])


def test_a_password_with_what_a_shell_divides(image: str, tmp_path: Path) -> None:
    words = ("--entrypoint", "sh", image, "-c", 'cat --password "$2"; head -a "$2"; true', "sh", "--password", "pa;ss 'word9x")
    made = slim(tmp_path, "run", "--no-verify", *words)
    assert made.returncode == 0, made.stderr
    report = stored(tmp_path)
    assert "word9x" not in json.dumps(report) + made.stdout
    arguments = [one["Arguments"] for one in report["Processes"]]
    assert ["cat", "--password", "***"] in arguments
    assert ["head", "-a", "***"] in arguments
