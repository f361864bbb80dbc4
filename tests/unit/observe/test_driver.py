"""The parts of the driver that need no container."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any, cast

import pytest

from docker_slim_plugin.engine.container import Container
from docker_slim_plugin.observe import driver
from docker_slim_plugin.observe.driver import RunMonitor
from docker_slim_plugin.observe.launch import launch
from tests.observed import source_image


class FakeContainer:
    """A container as the engine describes it."""

    id = "c0ffee"

    def __init__(self, ports: dict[str, Any] | None) -> None:
        self._ports = ports

    def attributes(self) -> dict[str, Any]:
        return {"NetworkSettings": {"Ports": self._ports}, "Config": {"Image": "app:1"}}


def at(address: str, port: int) -> list[dict[str, str]]:
    return [{"HostIp": address, "HostPort": str(port)}]


@pytest.mark.parametrize(
    ("options", "published", "known", "reached", "expected"),
    [
        pytest.param("", {"80/tcp": at("127.0.0.1", 999)}, None, {80: ("127.0.0.1", 999)}, (80, 81), id="published by us"),
        pytest.param("", {"80/tcp": at("0.0.0.0", 8080)}, None, {80: ("127.0.0.1", 8080)}, (80, 81), id="anywhere"),
        pytest.param("", {"80/tcp": at("::", 8080)}, None, {80: ("127.0.0.1", 8080)}, (80, 81), id="anywhere, IPv6"),
        pytest.param("", {"80/tcp": at("192.0.2.1", 80)}, None, {80: ("192.0.2.1", 80)}, (80, 81), id="one address"),
        pytest.param("", {"53/udp": at("", 53), "81/tcp": None}, None, {}, (80, 81), id="UDP, and exposed only"),
        pytest.param("", None, None, {}, (80, 81), id="no network"),
        pytest.param("--network=host", {}, None, {80: ("127.0.0.1", 80), 81: ("127.0.0.1", 81)}, (80, 81), id="the host's"),
        pytest.param("", {"80/tcp": at("", 1), "81/tcp": at("", 2)}, {81}, {81: ("127.0.0.1", 2)}, (81,), id="known before"),
    ],
)
def test_how_the_app_is_reached(
    options: str,
    published: dict[str, Any] | None,
    known: set[int] | None,
    reached: dict[int, tuple[str, int]],
    expected: tuple[int, ...],
) -> None:
    source = source_image({"Cmd": ["x"], "ExposedPorts": {"80/tcp": {}, "81/tcp": {}}})
    container = cast("Container", FakeContainer(published))
    started = launch(source, options.split(), ())
    target = driver.probe_target(container, 7, started.network, started.ports, None if known is None else frozenset(known))
    assert (target.ports, target.exposed, target.pid, target.image) == (reached, expected, 7, "app:1")


@pytest.mark.parametrize(
    ("setup", "name", "handled"),
    [
        ("signal.signal(signal.SIGTERM, lambda *_: None)", "SIGTERM", True),
        ("signal.signal(signal.SIGTERM, lambda *_: None)", "TERM", True),
        ("signal.signal(signal.SIGTERM, lambda *_: None)", "15", True),
        ("signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGQUIT})", "SIGQUIT", True),  # it waits with sigwait(3)
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", "SIGTERM", False),
        ("pass", "SIGTERM", False),
        ("pass", "SIGRTMIN+3", True),  # not known to us: docker may
    ],
)
def test_signal_handlers_are_detected(setup: str, name: str, handled: bool) -> None:
    program = f"import signal\n{setup}\nprint(flush=True)\nsignal.sigwait({{signal.SIGUSR1}})"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert driver._handles_signal(child.pid, name) == handled
        child.send_signal(signal.SIGKILL)


def test_an_ended_process_counts_as_handling_a_signal() -> None:
    assert driver._handles_signal(2**22 + 1, "SIGTERM")


def test_a_monitor_without_tracer_and_watcher() -> None:
    monitor = RunMonitor(started=12.0)
    assert monitor.last_new() == 12.0
    assert monitor.counts() == {"paths": 0, "events": 0}
