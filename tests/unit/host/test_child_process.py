"""Child processes run the copy of the package that starts them, also from a directory that is not Python's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import docker_slim_plugin

PACKAGE = Path(docker_slim_plugin.__file__).parent
CHILD = """
import json, os, sys
def main():
    import docker_slim_plugin, typing
    print(json.dumps([sys.argv, docker_slim_plugin.__file__, typing.__file__, dict(os.environ)]))
"""
PARENT = """
import subprocess, sys
sys.path.insert(0, sys.argv[1])
from docker_slim_plugin.host import child_process
with child_process.start("told", ["a b", 7], pipes=subprocess.PIPE) as child:
    sys.stdout.write(child.stdout.read().decode())
"""


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """Return a private directory with a copy of the package, and in it a module that tells what it sees."""
    shutil.copytree(PACKAGE, tmp_path / "private" / "docker_slim_plugin", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "private" / "docker_slim_plugin" / "told.py").write_text(CHILD)
    return tmp_path / "private"


def test_a_child_is_of_the_same_copy(private: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing of the caller's directory or environment is imported."""
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for name in ("typing.py", "docker.py", "docker_slim_plugin.py", "sitecustomize.py"):
        (hostile / name).write_text("raise SystemExit('hostile')\n")
    monkeypatch.chdir(hostile)
    monkeypatch.setenv("PYTHONPATH", str(hostile))
    monkeypatch.setenv("PYTHONHOME", str(hostile))
    answer = subprocess.run([sys.executable, "-I", "-c", PARENT, private], check=True, capture_output=True, text=True)
    argv, package, typing, environment = json.loads(answer.stdout)
    assert argv == ["docker_slim_plugin.told", "a b", "7"]
    assert package == str(private / "docker_slim_plugin" / "__init__.py")
    assert not typing.startswith(str(tmp_path))
    assert not {"PYTHONPATH", "PYTHONHOME"} & set(environment)


@pytest.mark.parametrize("module", ["observe.tracer.program", "rootfs.mount_clone", "rootfs.reader_program", "observe.probes.socket_program", "sandbox_main"])
def test_every_child_has_a_main(module: str) -> None:
    code = f"import importlib; print(callable(importlib.import_module('docker_slim_plugin.{module}').main))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "True\n"
