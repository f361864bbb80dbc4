"""install.sh: twice in a row, for one user, and gone without a trace."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]
INSTALL = Path(__file__).parents[3] / "install.sh"


def install(home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run install.sh in a home directory of its own.

    pip asks rustc for its version, and a rustup that stands for it makes a directory in the home directory: not ours.
    """
    environment: Mapping[str, str] = {
        **{name: value for name, value in os.environ.items() if name not in ("DOCKER_CONFIG", "XDG_STATE_HOME")},
        "HOME": str(home),
        "RUSTUP_HOME": str(home.with_name("rustup")),
        **more,
    }
    return subprocess.run(
        [INSTALL, *arguments], check=False, capture_output=True, text=True, timeout=250, env=environment
    )


def tree(top: Path) -> list[str]:
    return sorted(str(path.relative_to(top)) for path in top.rglob("*"))


def test_for_one_user_twice_and_back(tmp_path: Path) -> None:
    home = tmp_path / "a home"  # a space in it
    home.mkdir()
    plugin = home / ".docker" / "cli-plugins" / "docker-slim"
    for _ in range(2):
        answer = install(home, "--user", PYTHONPATH="/nowhere", PIP_USER="1")
        assert answer.returncode == 0, answer
        assert os.access(plugin, os.X_OK)
    for command in ([plugin], [home / ".local" / "bin" / "docker-slim"], ["docker", "slim"]):
        environment = {**os.environ, "DOCKER_CONFIG": str(home / ".docker")}
        answer = subprocess.run(
            [*command, "--version"], check=False, capture_output=True, text=True, env=environment, cwd=tmp_path
        )
        assert answer.stdout.startswith("docker slim version"), answer
    (home / ".local" / "state" / "docker-slim").mkdir(parents=True)
    for _ in range(2):
        assert install(home, "--user", "--uninstall").returncode == 0
        assert tree(home) == []


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    other = tmp_path / ".docker" / "cli-plugins" / "docker-slim"
    other.parent.mkdir(parents=True)
    other.write_text("#!/bin/sh\necho mint\n")
    before = tree(tmp_path)
    answer = install(tmp_path, "--user")
    assert answer.returncode == 1
    assert f"cannot install: {other} belongs to something else" in answer.stderr
    assert install(tmp_path, "--user", "--uninstall").returncode == 0
    assert tree(tmp_path) == before


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--demo", "--uninstall"]], ids=" ".join)
def test_usage(tmp_path: Path, arguments: list[str]) -> None:
    answer = install(tmp_path, *arguments)
    assert (answer.returncode, "usage: ./install.sh" in answer.stderr) == (2, True)
    assert tree(tmp_path) == []
