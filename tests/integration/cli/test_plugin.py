"""The installed plugin as docker itself calls it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a DOCKER_CONFIG directory with the plugin in it, run from this environment as install.sh has it run."""
    directory = tmp_path_factory.mktemp("config")
    launcher = directory / "launch.py"
    launcher.write_text(
        f"import sys\nsys.path.append({str(ROOT)!r})\nfrom docker_slim_plugin.__main__ import main\nsys.exit(main())\n",
        encoding="utf-8",
    )
    plugin = directory / "cli-plugins" / "docker-slim"
    plugin.parent.mkdir()
    plugin.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {launcher} "$@"\n', encoding="utf-8")
    plugin.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def docker(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DOCKER_CONFIG": str(config)}
    return subprocess.run(
        ["docker", *arguments], check=False, capture_output=True, text=True, timeout=60, env=environment
    )


def test_metadata_takes_less_than_50_ms(config: Path) -> None:
    command = [str(config / "cli-plugins" / "docker-slim"), "docker-cli-plugin-metadata"]
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        answer = subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - begun)
    assert json.loads(answer.stdout)["SchemaVersion"] == "0.1.0"
    assert statistics.median(times) < 0.050


def test_docker_lists_it(config: Path) -> None:
    answer = docker(config, "--help")
    assert "slim*" in answer.stdout
    assert "Invalid Plugins" not in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["slim"], "Usage: docker slim "),
        (["slim", "--help"], "Usage: docker slim "),
        (["help", "slim"], "Usage: docker slim "),
        (["help", "slim", "run"], "Usage: docker slim run [OPTIONS] IMAGE"),
        (["slim", "run", "--help"], "Usage: docker slim run [OPTIONS] IMAGE"),
        (["--debug", "slim", "--version"], "docker slim version "),
        (["--context", "default", "slim", "--version"], "docker slim version "),
    ],
    ids=" ".join,
)
def test_ways_to_call_it(config: Path, arguments: list[str], start: str) -> None:
    answer = docker(config, *arguments)
    assert (answer.returncode, answer.stdout[: len(start)]) == (0, start), answer


def test_an_engine_elsewhere_is_refused(config: Path) -> None:
    answer = docker(config, "--host", "tcp://127.0.0.1:1", "slim", "run", "nginx")
    assert answer.returncode == 1
    assert "cannot slim on a remote engine (tcp://127.0.0.1:1)" in answer.stderr


def test_usage_errors_end_with_2(config: Path) -> None:
    answer = docker(config, "slim", "run", "--evn", "A=b", "nginx")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "try: --env" in answer.stderr


def test_completion_through_docker(config: Path) -> None:
    assert "run\t" in docker(config, "__complete", "slim", "").stdout
    images = subprocess.run(
        ["docker", "image", "ls", "--format", "{{.Repository}}"], check=True, capture_output=True, text=True
    )
    name = next(name for name in images.stdout.split() if name != "<none>")
    assert name in docker(config, "__complete", "slim", "run", name[:2]).stdout


def test_doctor_finds_this_machine_fit(config: Path) -> None:
    answer = docker(config, "slim", "doctor", "--format", "json")
    failed = [check for check in json.loads(answer.stdout) if check["required"] and not check["ok"]]
    assert (failed, answer.returncode) == ([], 0)


def test_doctor_without_an_engine(config: Path) -> None:
    answer = docker(config, "--host", "unix:///nowhere.sock", "slim", "doctor")
    assert answer.returncode == 1
    assert "FAIL   engine" in answer.stdout


WAITING = """
import signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # pytest may run under nohup
from docker_slim_plugin import __main__
from docker_slim_plugin.cli import app
def run(argv):
    try:
        print("started", flush=True)
        time.sleep(30)
    finally:
        time.sleep(1.5)
        print("cleaned", flush=True)
app.run = run
sys.exit(__main__.main([]))
"""


def waiting(**environment: str) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", WAITING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "started\n"
    return child


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_clean_up_once(number: signal.Signals) -> None:
    with waiting() as child:
        child.send_signal(number)
        time.sleep(0.2)
        child.send_signal(number)
        out, err = child.communicate(timeout=10)
    assert (child.returncode, out) == (130, "cleaned\n")
    assert "Traceback" not in err
    assert "still cleaning up" in err


@pytest.mark.parametrize("abstract", [True, False])
def test_the_end_of_dockers_socket_is_a_signal(tmp_path: Path, *, abstract: bool) -> None:
    name = f"docker-slim-test-{os.getpid()}" if abstract else str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{name}" if abstract else name)
        server.listen()
        server.settimeout(10)
        with waiting(DOCKER_CLI_PLUGIN_SOCKET=f"@{name}" if abstract else name) as child:
            server.accept()[0].close()
            out, _ = child.communicate(timeout=10)
    assert (child.returncode, out) == (130, "cleaned\n")


def test_a_socket_that_is_not_there_is_no_obstacle() -> None:
    environment = {**os.environ, "DOCKER_CLI_PLUGIN_SOCKET": "@docker-slim-nobody"}
    answer = subprocess.run(
        [sys.executable, "-m", "docker_slim_plugin", "--version"], check=False, capture_output=True, env=environment
    )
    assert (answer.returncode, answer.stderr) == (0, b"")


def test_a_closed_pipe_is_no_traceback() -> None:
    command = f"{sys.executable} -m docker_slim_plugin doctor --format json | true"
    answer = subprocess.run(["bash", "-c", command], check=False, capture_output=True, text=True, timeout=60)
    assert answer.stderr == ""
