"""A run that is interrupted while the engine makes something: that is removed when it is there, or `prune` knows of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from docker_slim_plugin import runs
from docker_slim_plugin.engine import Engine, engine
from docker_slim_plugin.errors import Interrupted


class Slow:
    """An engine's API where a container is there some looks after it was asked for, by somebody who has gone."""

    def __init__(self, looks: int) -> None:
        self.looks = looks
        self.removed: list[str] = []

    def create_host_config(self, **_: object) -> dict[str, object]:
        return {}

    def create_container(self, *_: object, **__: object) -> dict[str, str]:
        raise Interrupted("cannot go on: interrupted by SIGINT")

    def containers(self, **_: object) -> list[dict[str, Any]]:
        self.looks -= 1
        return [{"Id": "late"}] if self.looks < 0 and not self.removed else []

    def images(self, **_: object) -> list[dict[str, Any]]:
        return []

    def remove_container(self, name: str, **_: object) -> None:
        self.removed.append(name)


@pytest.mark.parametrize(("looks", "removed"), [(0, True), (3, True), (10_000, False)])
def test_what_comes_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int, removed: bool) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(engine, "CUT_OFF_SECONDS", 0.3)
    monkeypatch.setattr(engine, "CUT_OFF_PAUSE", 0.01)
    api = Slow(looks)
    one = Engine(SimpleNamespace(api=api), "unix:///nowhere")
    with pytest.raises(Interrupted), one.nothing_left(), one.plain("image", ["-"]):
        pass
    assert api.removed == (["late"] if removed else [])
    # With one look too few to know that nothing more comes, the run stays known.
    assert runs.written_down() == (() if removed and looks else (one.run_id,))


def test_nothing_is_waited_for_where_nothing_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(engine, "CUT_OFF_SECONDS", 60)
    one = Engine(SimpleNamespace(api=Slow(10_000)), "unix:///nowhere")
    with pytest.raises(ValueError, match="x"), one.nothing_left():
        raise ValueError("x")
    assert runs.written_down() == ()
