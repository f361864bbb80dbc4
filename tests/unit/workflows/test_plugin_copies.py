"""Which copy of docker slim runs, and how docker finds one that pip has installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from docker_slim_plugin import __version__
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.workflows import plugin_copies
from docker_slim_plugin.workflows.plugin_copies import NAME, find_copies, install, uninstall


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory that stands for the host's: `user`, `local` and `packaged` have plugins."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "user"))
    monkeypatch.setattr(plugin_copies, "LOCAL", str(tmp_path / "local"))
    monkeypatch.setattr(plugin_copies, "PACKAGED", (str(tmp_path / "packaged"),))
    monkeypatch.setattr(plugin_copies, "SYSTEM", (str(tmp_path / "local"), str(tmp_path / "packaged")))
    return tmp_path


def put(place: Path, text: str = "#!/bin/sh\nexec /opt/other/bin/python -m docker_slim_plugin\n") -> str:
    place.mkdir(parents=True, exist_ok=True)
    (place / NAME).write_text(text)
    return str(place / NAME)


def test_installed_and_gone(host: Path) -> None:
    path = install(for_all=False)
    assert path == str(host / "user/cli-plugins" / NAME)
    assert install(for_all=False) == path
    hostile = host / "hostile"
    hostile.mkdir()
    (hostile / "typing.py").write_text("raise SystemExit('hostile')\n")
    environment = {**os.environ, "PYTHONPATH": str(hostile), "PYTHONHOME": str(hostile)}
    answer = subprocess.run(
        [path, "version", "--format", "json"], check=True, capture_output=True, text=True, env=environment, cwd=hostile
    )
    found = json.loads(answer.stdout)
    assert (found["version"], found["launchers"][0]) == (__version__, {"path": path, "is_running": True})
    metadata = subprocess.run([path, "docker-cli-plugin-metadata"], check=True, capture_output=True, text=True).stdout
    assert json.loads(metadata)["Version"] == __version__
    assert uninstall(for_all=False) == path
    assert uninstall(for_all=False) == ""
    assert not (host / "user").exists()


def test_docker_starts_the_first(host: Path) -> None:
    """The configuration's own directories, the user's, /usr/local, the distribution's."""
    for place in ("packaged", "local", "user/cli-plugins", "extra"):
        put(host / place)
    (host / "user/config.json").write_text(json.dumps({"cliPluginsExtraDirs": [str(host / "extra"), 7]}))
    found = find_copies()
    assert [one.path for one in found.launchers] == [
        str(host / place / NAME) for place in ("extra", "user/cli-plugins", "local", "packaged")
    ]
    assert not found.is_first
    assert len(found.others) == 4


@pytest.mark.parametrize("text", ["", "[]", "{", '{"cliPluginsExtraDirs": 7}', "[" * 100_000])
def test_a_broken_configuration_is_no_obstacle(host: Path, text: str) -> None:
    path = put(host / "local")
    (host / "user").mkdir()
    (host / "user/config.json").write_text(text)
    assert [one.path for one in find_copies().launchers] == [path]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"#!{sys.prefix}/bin/python\n", True, id="a console script"),
        pytest.param(f"#!{sys.prefix}-old/bin/python\n", False, id="another environment"),
        pytest.param("\x7fELF\udcff", False, id="a program"),
    ],
)
def test_whose_launcher(host: Path, text: str, expected: bool) -> None:
    (host / "local").mkdir()
    (host / "local" / NAME).write_text(text, errors="surrogateescape")
    assert find_copies().launchers[0].is_running == expected


def test_what_is_not_ours_stays(host: Path) -> None:
    path = put(host / "user/cli-plugins")
    with pytest.raises(SlimError, match=f"{path} belongs to something else"):
        install(for_all=False)
    with pytest.raises(SlimError, match=f"{path} does not start this copy"):
        uninstall(for_all=False)


def test_the_distributions_package_is_not_hidden(host: Path) -> None:
    path = put(host / "packaged")
    with pytest.raises(SlimError, match=f"the distribution's package has it already .{path}"):
        install(for_all=True)
    assert not (host / "local").exists()


def test_the_package_itself_needs_no_launcher(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_copies, "DISTRIBUTION", plugin_copies._directory())
    with pytest.raises(SlimError, match="installed by the distribution's package"):
        install(for_all=True)
    assert find_copies().installed_by == "the distribution's package docker-slim-plugin"


def test_what_other_users_cannot_read_is_not_for_all(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = host / "private"
    private.mkdir(mode=0o700)
    monkeypatch.setattr(plugin_copies, "_directory", lambda: str(private / "lib"))
    with pytest.raises(SlimError, match=f"they cannot read {private}"):
        install(for_all=True)
