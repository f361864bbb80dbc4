"""The changes of a container as the engine reports them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from docker_slim_plugin.engine.container import INIT_LAYER
from docker_slim_plugin.engine.engine import Engine
from tests.integration.workflows.test_run import build, remove

pytestmark = pytest.mark.integration
NAME = "docker-slim-test/engine"
RECIPE = 'FROM scratch\nCOPY file /etc/file\nCOPY file /data/there/file\nVOLUME /data/there /not/there\nCMD ["/file"]\n'


def diff(container: str) -> dict[str, int]:
    kinds = {"C": 0, "A": 1, "D": 2}
    answer = subprocess.run(["docker", "diff", container], check=True, stdout=subprocess.PIPE, text=True)
    return {line[2:]: kinds[line[0]] for line in answer.stdout.splitlines()}


def test_changes_are_what_docker_diff_says(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    build(tmp_path, NAME, RECIPE)
    engine = Engine.connect()
    try:
        with engine.cleanup(), engine.created_container(NAME, ["-"]) as made, engine.gated_container(NAME) as started:
            for container in (made, started):
                theirs = diff(container.id)
                ours = container.changes()
                assert {path: kind for path, kind in ours.items() if path in theirs} == theirs
                assert set(ours) - set(theirs) <= {"/", "/dev", "/etc", *INIT_LAYER}
            assert "/not/there" in theirs, json.dumps(theirs)
    finally:
        remove(NAME)
