"""What holds for all tests: one that needs the engine fails without it, it is not skipped."""

from __future__ import annotations

import fcntl
import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import faithful
from tests.measured import Coverage

COVERAGE = Coverage()
LOCK = "/run/docker-slim-tests.lock"
"""Held by the session that uses the engine: each begins by removing the images of tests."""


@functools.cache
def engine_version() -> str:
    """Return the engine's version; "" when it does not answer in 20 seconds."""
    try:
        answer = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def pytest_configure(config: pytest.Config) -> None:
    # A job in a shell's background has SIGINT ignored, one of nohup SIGHUP, and so would have every run of the tests.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # Runs of the tests are not the user's: they have a state folder of their own, which the next session knows too.
    os.environ["XDG_STATE_HOME"] = str(config.rootpath / ".pytest_cache" / "state")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick ones first; the images of the cases are built meanwhile."""
    order = ("unit", "cases", "integration")
    here = Path(__file__).parent
    items.sort(key=lambda item: order.index(item.path.relative_to(here).parts[0]))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Remove what a run of the tests that was cut off has left: tests would take it for theirs."""
    marked = (item.get_closest_marker("integration") for item in session.items)
    if session.config.option.collectonly or not any(marked) or os.geteuid() != 0 or not engine_version():
        return
    lock = os.open(LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write("waiting for the end of another session of these tests\n")
        fcntl.flock(lock, fcntl.LOCK_EX)
    subprocess.run([sys.executable, "-m", "docker_slim_plugin", "prune"], check=True, stdout=subprocess.DEVNULL)
    for listed, removed in (
        (("ps", "-aq", "--filter", "name=^docker-slim-test"), ("rm", "-fv")),
        (("images", "--format={{.Repository}}:{{.Tag}}", "--filter=reference=docker-slim-test/*:*"), ("rmi", "-f")),
    ):
        found = subprocess.run(["docker", *listed], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        if found:
            subprocess.run(["docker", *removed, *found], check=True, stdout=subprocess.DEVNULL)
    faithful.SESSION.begin()


def pytest_runtest_setup(item: pytest.Item) -> None:
    COVERAGE.turn(item)
    if item.get_closest_marker("integration"):
        if os.geteuid() != 0:
            pytest.fail("integration tests need root", pytrace=False)
        if not engine_version():
            pytest.fail("no Docker Engine answers: scripts/engine starts one", pytrace=False)
