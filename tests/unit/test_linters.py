"""The linters are tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("scripts", "debian/tests", "docs/examples", "packaging/tests")
SHELL = (path for name in FOLDERS for path in (ROOT / name).iterdir() if path.is_file() and path.read_bytes().startswith(b"#!/bin/sh"))
SCRIPTS = ["install.sh", ".ci/run", *sorted(path.relative_to(ROOT).as_posix() for path in SHELL)]
READ = ["packaging/PKGBUILD", "packaging/completions/bash/docker-slim"]
"""Shell that others read: it is no program."""


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([sys.executable, "-m", "ruff", "check", "."], id="ruff"),
        pytest.param([sys.executable, "-m", "ruff", "format", "--check", "docker_slim_plugin"], id="ruff format"),
        pytest.param([sys.executable, "-m", "mypy"], id="mypy"),
        pytest.param(["shellcheck", "-x", *SCRIPTS], id="shellcheck"),
        pytest.param(["shellcheck", "-s", "bash", *READ], id="shellcheck of bash"),
    ],
)
def test_linter(command: list[str]) -> None:
    answer = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=280)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_executable(script: str) -> None:
    assert (ROOT / script).stat().st_mode & 0o111 == 0o111
