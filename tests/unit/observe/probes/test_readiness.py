"""The detection of readiness, with this process as the app."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from docker_slim_plugin.observe.probes import readiness
from docker_slim_plugin.observe.probes.readiness import (
    Readiness,
    Target,
    child_pids,
    container_pids,
    is_alive,
    is_loopback_only,
    listening,
    processor_seconds,
    wait_ready,
)

NOBODY = 2**22 + 1
"""Above the kernel's highest pid."""


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def closed() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Clock:
    """A clock that advances only in sleep(), so that the result does not depend on the machine."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


CLOCK = Clock()


@pytest.fixture(autouse=True)
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "time", CLOCK)
    monkeypatch.setattr(readiness, "processor_seconds", lambda _: 0.0)
    times = {"READY_QUIET": 0.05, "SOME_QUIET": 0.1, "NO_PORT_QUIET": 0.1, "SILENT_QUIET": 0.3, "BUSY_QUIET": 0.9}
    for name, seconds in {**times, "BUSY_SECONDS": 0.05, "IDLE_SECONDS": 0.15}.items():
        monkeypatch.setattr(readiness, name, seconds)


def waited(
    *exposed: int, alive: bool = True, seconds: float = 2.0, known: float | None = None, pid: int = 0, lively: float = 0.0
) -> tuple[Readiness, float]:
    """Wait for an app that opens new files for `lively` seconds; return the result and the duration."""
    begun = CLOCK.now

    def last_new() -> float:
        return min(CLOCK.now, begun + lively)

    target = Target(container="c", image="i", pid=pid or os.getpid(), ports={}, exposed=exposed)
    found = wait_ready(target, lambda: alive, last_new, begun + seconds, known)
    return found, CLOCK.now - begun


def test_listening_ports_of_a_process_and_its_children(port: int) -> None:
    program = "import socket,time; s=socket.create_server(('::1', 0), family=socket.AF_INET6); print(s.getsockname()[1], flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        other = int(child.stdout.readline())
        pids = container_pids(os.getpid())
        assert {os.getpid(), child.pid} <= set(pids)
        assert {port, other} <= listening(pids)
        assert other not in listening([os.getpid()])
        child.kill()


def test_listeners_on_loopback_only() -> None:
    for host, secluded in (("127.0.0.1", True), ("127.3.2.1", True), ("0.0.0.0", False), ("::1", True), ("::", False)):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, 0), family=family) as server:
            assert is_loopback_only(os.getpid(), server.getsockname()[1]) == secluded, host
    assert not is_loopback_only(os.getpid(), 0)


def test_udp_and_connections_are_no_listeners(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.create_connection(("127.0.0.1", port)) as client:
        udp.bind(("127.0.0.1", 0))
        found = listening([os.getpid()])
        assert not {udp.getsockname()[1], client.getsockname()[1]} & (found - {port})


def test_processes_that_are_gone() -> None:
    assert container_pids(NOBODY) == []
    assert listening([NOBODY]) == frozenset()
    assert processor_seconds(NOBODY) == 0


def test_what_is_alive() -> None:
    assert is_alive(os.getpid())
    assert not is_alive(NOBODY)
    child = subprocess.Popen([sys.executable, "-c", ""])
    while is_alive(child.pid):
        pass
    # A zombie: nobody has waited for it yet.
    assert os.path.exists(f"/proc/{child.pid}")
    child.wait()


def test_all_ports_listen(port: int) -> None:
    found, took = waited(port)
    assert found == Readiness(True, frozenset({port}))
    assert took < 0.2


def test_files_are_still_being_opened(port: int) -> None:
    found, took = waited(port, lively=0.3)
    assert found.ready
    assert took >= 0.3


def test_some_ports_listen(port: int, closed: int) -> None:
    found, took = waited(port, closed)
    assert found == Readiness(True, frozenset({port}))
    assert 0.1 <= took < 0.3


def test_a_replay_waits_for_all_known_ports(port: int, closed: int) -> None:
    found, took = waited(port, closed, known=0.0)
    assert found == Readiness(True, frozenset({port}))
    assert took >= 0.3


def test_a_replay_is_ready_when_the_known_ports_listen(port: int) -> None:
    assert waited(port, known=5.0)[1] < 0.1


@pytest.mark.parametrize(("known", "least"), [(None, 0.1), (0.0, 0.1), (0.4, 0.4)])
def test_without_ports_the_time_of_the_source_counts(known: float | None, least: float) -> None:
    found, took = waited(known=known)
    assert found == Readiness(True, frozenset())
    assert least <= took < least + 0.3


def test_no_port_ever_listens(closed: int) -> None:
    found, took = waited(closed)
    assert found == Readiness(True, frozenset())
    assert 0.3 <= took < 0.9


def test_a_busy_app_is_not_yet_ready(closed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The app opens no files but is busy, like one that loads its classes from one archive."""
    monkeypatch.setattr(readiness, "processor_seconds", lambda _: CLOCK.now)
    found, took = waited(closed)
    assert found == Readiness(True, frozenset())
    assert 0.9 <= took < 1.2


def test_time_is_up(closed: int) -> None:
    found, _ = waited(closed, seconds=0.1)
    assert found == Readiness(False, frozenset(), f"nothing listens on port {closed}")
    assert waited(seconds=0.1, lively=9)[0].why == "it never became idle"


def test_it_has_ended(port: int) -> None:
    assert waited(port, alive=False)[0] == Readiness(False, frozenset(), "the app has ended")


def test_the_children_of_a_process() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        assert child.pid in child_pids(os.getpid())
        child.kill()
    assert child.pid not in child_pids(os.getpid())
    assert child_pids(NOBODY) == []
