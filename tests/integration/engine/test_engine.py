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


def test_an_image_without_a_name_gets_none_that_would_take_it_along(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("y")
    build(tmp_path, NAME, RECIPE)
    engine = Engine.connect()
    with engine.cleanup():
        name, temporary = engine.image(NAME).id, engine.temporary_name("layered")
        try:
            assert engine.name_existing(name, temporary) == temporary
            engine.untag(temporary)
            assert engine.image(NAME).id == name
            # Its own name goes to another image, as a name does when an image is made anew.
            (tmp_path / "file").write_text("z")
            build(tmp_path, NAME, RECIPE)
            assert engine.name_existing(name, temporary) == name
            engine.untag(temporary)
            assert engine.image(name).id == name
            assert engine.name_existing(f"sha256:{'0' * 64}", temporary) == ""
        finally:
            remove(NAME, name)
