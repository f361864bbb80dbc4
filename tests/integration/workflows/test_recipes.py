"""The shell steps of docs/ci.md, run as they stand there. On a real engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cases.harness import docker
from tests.faithful import tree
from tests.integration.workflows.test_run import remove

pytestmark = pytest.mark.integration
EXAMPLES = Path(__file__).parents[3] / "docs/examples/ci"
IMAGE, SLIM = "docker-slim-test/ci:1", "docker-slim-test/ci:1-slim"
APP = """
FROM debian:bookworm
COPY busybox /bin/httpd
RUN mkdir -p /www /usr/share/deep && echo first >/www/index.html && echo second >/usr/share/deep/page.html && ln -s /usr/share/deep /www/deep && cp /bin/cat /bin/cat-as-root && chmod 4755 /bin/cat-as-root
EXPOSE 8000
CMD ["httpd", "-f", "-p", "8000", "-h", "/www"]
"""
TEST = """
import os, urllib.request
def test_page():
    assert urllib.request.urlopen(os.environ["BASE_URL"] + "/deep/page.html").read() == b"second\\n"
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """Yield a directory with a Dockerfile, and `docker slim` of this checkout before the others in PATH."""
    (tmp_path / "Dockerfile").write_text(APP)
    (tmp_path / "busybox").write_bytes(Path("/bin/busybox").read_bytes())
    (tmp_path / "busybox").chmod(0o755)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_app.py").write_text(TEST)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "docker").write_text(
        f'#!/bin/sh\nif [ "$1" = slim ]; then shift; exec {sys.executable} -P -m docker_slim_plugin "$@"; fi\nexec /usr/bin/docker "$@"\n'
    )
    (programs / "python3").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    yield tmp_path
    remove(IMAGE, SLIM, f"{SLIM}-squashed", f"{IMAGE}-slim-squashed")


def steps(project: Path, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ, "PATH": f"{project}/programs:{os.environ['PATH']}", "IMAGE": IMAGE, "XDG_STATE_HOME": str(project / "state"), **variables,
    }
    return subprocess.run(["sh", str(EXAMPLES / name)], cwd=project, env=environment, check=False, capture_output=True, text=True)


def test_slim_with_gates(project: Path) -> None:
    done = steps(project, "slim.sh")
    assert done.returncode == 0, done.stderr
    report = json.loads((project / "slim-results/slim.json").read_text())
    assert report["Images"][0]["Reference"] == SLIM
    assert ET.parse(project / "slim-results/slim.xml").getroot()[0].attrib["failures"] == "0"
    # The baseline of the main branch, and a branch that needs more.
    (project / "slim-baseline.json").write_bytes(Path(report["Report"]).read_bytes())
    assert steps(project, "slim.sh").returncode == 0
    (project / "Dockerfile").write_text(APP.replace('"/www"]', '"/www"]\nHEALTHCHECK CMD cat-as-root /www/index.html'))
    done = steps(project, "slim.sh")
    assert done.returncode == 4
    assert "new setuid or setgid files since the baseline: /usr/bin/cat-as-root" in (project / "slim-results/slim.xml").read_text()
    assert steps(project, "slim.sh", MOST="1kB").returncode == 4


def test_the_nightly_job_does_nothing_twice(project: Path) -> None:
    subprocess.run(["docker", "build", "-q", "-t", IMAGE, "."], cwd=project, check=True, stdout=subprocess.DEVNULL)
    done = steps(project, "nightly.sh")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    first = docker("image", "inspect", "-f", "{{.Id}}", SLIM)
    reports = list((project / "state/docker-slim").glob("*.json"))
    assert steps(project, "nightly.sh").returncode == 0
    assert docker("image", "inspect", "-f", "{{.Id}}", SLIM) == first
    assert list((project / "state/docker-slim").glob("*.json")) == reports


def test_the_tests_of_the_app_drive_it(project: Path) -> None:
    subprocess.run(["docker", "build", "-q", "-t", IMAGE, "."], cwd=project, check=True, stdout=subprocess.DEVNULL)
    done = steps(project, "pytest.sh")
    assert (done.returncode, "exit status 1" in done.stderr) == (0, False), done.stderr
    assert "/usr/share/deep/page.html" in tree(SLIM, hashed=())
    # A test that fails is told.
    (project / "tests/test_app.py").write_text(TEST.replace("second", "third"))
    assert "exit status 1" in steps(project, "pytest.sh").stderr
