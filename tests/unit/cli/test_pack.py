"""What `pack` makes of an image's configuration."""

from __future__ import annotations

from typing import Any

import pytest

from docker_slim_plugin.cli import values
from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.image.config import apply_changes
from docker_slim_plugin.model.request import ConfigChanges

CONFIG: dict[str, Any] = {
    "Env": ["PATH=/bin", "A=1", "B=2"],
    "Entrypoint": ["/init"],
    "Cmd": ["serve"],
    "ExposedPorts": {"80/tcp": {}},
    "User": "www",
    "Labels": {"a": "b"},
}


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        pytest.param(ConfigChanges(), {}, id="nothing"),
        pytest.param(ConfigChanges(cmd=("a", "b")), {"Cmd": ["a", "b"]}, id="a command for the source's entrypoint"),
        pytest.param(ConfigChanges(entrypoint=("x",)), {"Entrypoint": ["x"], "Cmd": None}, id="an entrypoint"),
        pytest.param(
            ConfigChanges(entrypoint=(), cmd=("x",)), {"Entrypoint": None, "Cmd": ["x"]}, id="no entrypoint"
        ),
        pytest.param(ConfigChanges(expose=("53/udp",)), {"ExposedPorts": {"53/udp": {}}}, id="ports"),
        pytest.param(ConfigChanges(user="1", workdir="/srv"), {"User": "1", "WorkingDir": "/srv"}, id="user, place"),
        pytest.param(
            ConfigChanges(env=("C=3", "A=x=y", "C=4")), {"Env": ["PATH=/bin", "A=x=y", "B=2", "C=4"]}, id="variables"
        ),
    ],
)
def test_changes(changes: ConfigChanges, fields: dict[str, Any]) -> None:
    assert apply_changes(CONFIG, changes) == {**CONFIG, **fields}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('nginx -g "daemon off;"', ("nginx", "-g", "daemon off;")),
        ('["nginx", "-g", "daemon off;"]', ("nginx", "-g", "daemon off;")),
        ("[ -f x ]", None),
        ("[1]", None),
        ("", ()),
        ("it's", None),
    ],
)
def test_words(text: str, words: tuple[str, ...] | None) -> None:
    if words is None:
        with pytest.raises(UsageError):
            values.words("--cmd", text)
    else:
        assert values.words("--cmd", text) == words


def test_ports() -> None:
    assert values.ports(["80", "53/UDP", "8000-8002/tcp", "80/tcp"]) == (
        "80/tcp", "53/udp", "8000/tcp", "8001/tcp", "8002/tcp",
    )  # fmt: skip


@pytest.mark.parametrize("port", ["", "x", "0", "65536", "9-8", "80/http", "80:80", "٨٠"])
def test_no_port(port: str) -> None:
    with pytest.raises(UsageError):
        values.ports([port])


def test_variables() -> None:
    assert values.variables(["A=1", "B", "C", "D="], {"B": "host"}) == ("A=1", "B=host", "D=")
    with pytest.raises(UsageError):
        values.variables(["=1"], {})


@pytest.mark.parametrize(
    ("given", "forms"),
    [
        ([], ()),
        (["tar=a,layered", "tar=a", "context=-"], ("tar=a", "layered", "context=-")),
    ],
)
def test_outputs(given: list[str], forms: tuple[str, ...]) -> None:
    assert values.outputs(given) == forms


@pytest.mark.parametrize("form", ["tar", "layered=x", "zip=x", "context="])
def test_no_output(form: str) -> None:
    with pytest.raises(UsageError):
        values.outputs([form])
