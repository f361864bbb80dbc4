from __future__ import annotations

from typing import Any

import pytest

from docker_slim_plugin.engine.gate import GATE_PATH
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.observe.launch import MAX_PUBLISHED_PORTS, Launch, exposed_ports, launch, published_ports
from tests.observed import source_image


def launched(options: str = "", command: str = "", **config: Any) -> Launch:
    config = {"Entrypoint": ["/entry"], "Cmd": ["run"], **config}
    return launch(source_image(config), options.split(), command.split())


@pytest.mark.parametrize(
    ("options", "command", "argv", "arguments"),
    [
        pytest.param("", "", "/entry run", ("", ""), id="the image's own"),
        pytest.param("", "a b", "/entry a b", ("", "a b"), id="another command"),
        pytest.param("--entrypoint=/x", "", "/x", ("--entrypoint /x", ""), id="an entrypoint takes the command away"),
        pytest.param("--entrypoint=/x", "a", "/x a", ("--entrypoint /x", "a"), id="both"),
        pytest.param("--entrypoint=", "a", "a", ("--entrypoint ", "a"), id="an empty entrypoint"),
        pytest.param("--entrypoint=/x --entrypoint=/y", "", "/y", ("--entrypoint /y", ""), id="the last one holds"),
    ],
)
def test_what_runs(options: str, command: str, argv: str, arguments: tuple[str, str]) -> None:
    found = launched(options, command)
    assert found.gated_arguments() == (("--entrypoint", GATE_PATH), tuple(argv.split()))
    assert (" ".join(found.run_arguments()[0]), " ".join(found.run_arguments()[1])) == arguments


@pytest.mark.parametrize(("options", "config"), [("", {"Entrypoint": None, "Cmd": None}), ("--entrypoint=", {})])
def test_nothing_to_run(options: str, config: dict[str, Any]) -> None:
    with pytest.raises(SlimError, match="the image has no command"):
        launched(options, **config)


@pytest.mark.parametrize(
    ("options", "exposed", "published", "ports"),
    [
        pytest.param("", ["80/tcp"], ["--publish=127.0.0.1::80"], (80,), id="exposed"),
        pytest.param("", ["53/udp", "9/sctp"], [], (), id="UDP and SCTP are not"),
        pytest.param("--publish=8080:80", ["80/tcp"], ["--publish=8080:80"], (80,), id="published by the user"),
        pytest.param("-p=90", [], ["--publish=90"], (90,), id="published, not exposed"),
        pytest.param("--publish-all", ["80/tcp"], ["--publish-all"], (80,), id="all published"),
        pytest.param("--publish-all=false", ["80/tcp"], ["--publish-all=false", "--publish=127.0.0.1::80"], (80,), id="none published"),
        pytest.param("--network=host", ["80/tcp"], ["--network=host"], (80,), id="the host's network"),
        pytest.param("--net=none", ["80/tcp"], ["--network=none"], (80,), id="no network"),
        pytest.param("--network=container:x", ["80/tcp"], ["--network=container:x"], (80,), id="another container's"),
        pytest.param("--expose=70-71", [], ["--expose=70-71", "--publish=127.0.0.1::70", "--publish=127.0.0.1::71"], (70, 71), id="a range"),
    ],
)
def test_ports(options: str, exposed: list[str], published: list[str], ports: tuple[int, ...]) -> None:
    found = launched(options, ExposedPorts={port: {} for port in exposed})
    assert (list(found.options), found.ports) == (published, ports)


def test_thousands_of_ports_are_not_all_published() -> None:
    found = launched(ExposedPorts={f"{port}/tcp": {} for port in range(30000, 31000)})
    assert (len(found.options), len(found.ports)) == (MAX_PUBLISHED_PORTS, 1000)


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("80", (80,)),
        ("80/tcp", (80,)),
        ("80/TCP", (80,)),
        ("53/udp", ()),
        ("8080:80", (80,)),
        ("127.0.0.1::80", (80,)),
        ("[::1]:8080:80/tcp", (80,)),
        ("8000-8002:80-82", (80, 81, 82)),
        ("1-65535", ()),
        ("nonsense", ()),
    ],
)
def test_specifications(text: str, ports: tuple[int, ...]) -> None:
    assert published_ports([text]) == ports
    assert exposed_ports(["99", "98"]) == (98, 99)


@pytest.mark.parametrize(
    ("options", "check", "argv"),
    [
        pytest.param("", ["CMD", "a", "b c"], ("a", "b c"), id="words"),
        pytest.param("", ["CMD-SHELL", "a b"], ("/bin/sh", "-c", "a b"), id="a shell's line"),
        pytest.param("", ["NONE"], None, id="none"),
        pytest.param("", [], None, id="inherited"),
        pytest.param("--no-healthcheck", ["CMD", "a"], None, id="turned off"),
        pytest.param("--no-healthcheck=false", ["CMD", "a"], ("a",), id="not turned off"),
        pytest.param("--health-cmd=x", ["CMD", "a"], ("/bin/sh", "-c", "x"), id="the user's own"),
    ],
)
def test_healthcheck(options: str, check: list[str], argv: tuple[str, ...] | None) -> None:
    assert launched(options, Healthcheck={"Test": check}).healthcheck == argv


def test_healthcheck_in_the_image_s_shell() -> None:
    found = launched(Healthcheck={"Test": ["CMD-SHELL", "x"]}, Shell=["/bin/bash", "-ec"])
    assert found.healthcheck == ("/bin/bash", "-ec", "x")


def test_options_that_are_settled_already_do_not_reach_docker_create() -> None:
    found = launched("--pull=always --platform=linux/amd64 --rm --quiet --env=A=b --init")
    assert found.options == ("--env=A=b", "--init")


@pytest.mark.parametrize(("options", "warned"), [("", False), ("--interactive=false", False), ("--interactive --tty", True)])
def test_standard_input(options: str, warned: bool) -> None:
    assert bool(launch(source_image({"Cmd": ["x"]}), options.split(), ()).warnings) == warned


def test_a_port_that_is_asked_for_is_reached() -> None:
    image = source_image({"Cmd": ["x"], "ExposedPorts": {"80/tcp": {}}})
    started = launch(image, ("--publish=8080:81",), (), (80, 81, 8000))
    assert started.ports == (80, 81, 8000)
    assert started.options == ("--publish=8080:81", "--publish=127.0.0.1::80", "--publish=127.0.0.1::8000")
    assert launch(image, ("--network=host",), (), (8000,)).ports == (80, 8000)


@pytest.mark.parametrize(("config", "options", "signal"), [({}, "", "SIGTERM"), ({"StopSignal": "SIGQUIT"}, "", "SIGQUIT"), ({"StopSignal": "SIGQUIT"}, "--stop-signal=INT", "INT")])
def test_stop_signal(config: dict[str, str], options: str, signal: str) -> None:
    assert launched(options, **config).stop_signal == signal


@pytest.mark.parametrize(
    ("options", "shareable"),
    [
        ("--env=A=b --memory=1g --tmpfs=/x", True),
        ("--publish=127.0.0.1::80", True),
        ("--publish=8080:80", False),
        ("--volume=/a:/b", False),
        ("--name=web", False),
        ("--an-option-of-tomorrow=x", False),
    ],
)
def test_two_at_a_time(options: str, shareable: bool) -> None:
    assert launched(options).shareable == shareable


@pytest.mark.parametrize(("options", "read_only"), [("--read-only", True), ("--read-only=true", True), ("--read-only=false", False), ("", False)])
def test_read_only(options: str, read_only: bool) -> None:
    assert launched(options).read_only == read_only
