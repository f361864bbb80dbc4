"""Recognition of services by real processes, and questions to them; the container's commands are a function."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from docker_slim_plugin.model.service import ClientCommand, Exchange, Service
from docker_slim_plugin.observe.probes import recognition
from docker_slim_plugin.observe.probes import service as service_module
from docker_slim_plugin.observe.probes.probe import ProbePlan, replayable_targets, run_probes
from docker_slim_plugin.observe.probes.readiness import Target
from docker_slim_plugin.observe.probes.recognition import Found, by_banner, by_program, program_names
from docker_slim_plugin.observe.probes.service import Asking, ServiceProbe


def service(name: str = "mine", **given: Any) -> Service:
    fields: dict[str, Any] = {"programs": frozenset(), "banner": None, "ports": frozenset(), "commands": (), "exchanges": (), "reload": "", **given}
    return Service(name=name, **fields)


def command(*argv: str, writes: bool = False, **environment: str) -> ClientCommand:
    return ClientCommand(programs=tuple(argv[0].split("|")), arguments=argv[1:], environment=environment, writes=writes)


PING = Exchange(send=b"PING\r\n", expect=re.compile(rb"^\+PONG"), udp=False)


@pytest.fixture(scope="module")
def pong() -> Iterator[int]:
    """Yield the port of a server that greets, and answers everything with +PONG."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = server.accept()
                    with client, suppress(OSError):
                        client.settimeout(3)
                        while client.recv(100):
                            client.sendall(b"+PONG\r\n")

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def target(*ports: int, **environment: str) -> Target:
    return Target(container="c", image="i", pid=os.getpid(), ports={port: ("127.0.0.1", port) for port in ports}, exposed=ports, environment=environment)


@pytest.mark.parametrize(
    ("argv", "names"),
    [
        ([sys.executable, "-c", "input()", "/opt/x/server.py"], {"python", "server.py"}),
        (["/bin/sh", "-c", "read x", "redis-server"], {"sh", "redis-server"}),
        (["/bin/sleep", "9"], {"sleep"}),
    ],
)
def test_names_of_programs(argv: list[str], names: set[str]) -> None:
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:
        deadline = time.monotonic() + 10
        while not all(any(name in one for one in program_names(process.pid)) for name in names):
            assert time.monotonic() < deadline
        process.kill()
    assert program_names(2**22 + 1) == frozenset()


def test_a_title_is_a_name() -> None:
    with subprocess.Popen(["nginx: master process /usr/sbin/nginx", "30"], executable="/bin/sleep") as process:
        deadline = time.monotonic() + 10
        while "nginx" not in program_names(process.pid):
            assert time.monotonic() < deadline
        process.kill()


def test_recognition_by_program(pong: int) -> None:
    name = os.path.basename(os.readlink("/proc/self/exe"))
    (found,) = by_program(target(), [service(programs=frozenset({name})), service("other", programs=frozenset({"none"}))])
    assert (found.service.name, found.is_init, pong in found.ports) == ("mine", True, True)
    (found,) = by_program(target(), [service(programs=frozenset({os.readlink("/proc/self/exe")}), ports=frozenset({pong, 1}))])
    assert found.ports == (pong,)


def test_a_single_port_may_be_another_than_usually(pong: int) -> None:
    usual = service(ports=frozenset({6379}))
    assert recognition._chosen(frozenset({pong}), usual) == (pong,)
    assert recognition._chosen(frozenset({pong, 6379}), usual) == (6379,)
    assert recognition._chosen(frozenset({pong, 6380}), usual) == ()
    assert recognition._chosen(frozenset({pong, 6380}), service()) == tuple(sorted((pong, 6380)))


@pytest.fixture
def datagrams() -> Iterator[int]:
    """Yield the UDP port of a server that answers everything with +PONG."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            with suppress(OSError):
                while True:
                    _, client = server.recvfrom(100)
                    server.sendto(b"+PONG", client)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def inside(address: str, port: int, seconds: float, *, udp: bool = False) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
    made.settimeout(seconds)
    made.connect((address, port))
    return made


def test_datagrams(datagrams: int) -> None:
    name = os.path.basename(os.readlink("/proc/self/exe"))
    mine = service(programs=frozenset({name}), ports=frozenset({datagrams}), exchanges=(replace(PING, udp=True), PING))
    (found,) = by_program(target(), [mine])
    assert found.datagrams == ((datagrams, "127.0.0.1"),)
    found = replace(found, ports=())
    where = replace(target(), connect_inside=inside)
    assert asked(Container(), where, Asking(services=(mine,)), found) == [(f"mine port {datagrams}/udp: PING", True, 0, "+PONG")]
    (found,) = by_program(target(), [replace(mine, ports=frozenset())])
    assert datagrams >= recognition.FIRST_CHOSEN_PORT
    assert datagrams not in dict(found.datagrams)


def test_recognition_by_banner(pong: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(b"220 mail ESMTP\r\n")

        threading.Thread(target=greet, daemon=True).start()
        port = server.getsockname()[1]
        mail = service("smtp", banner=re.compile(rb"^220.*SMTP"))
        assert by_banner(target(port, pong), [service(), mail], [port, pong]) == [Found(mail, (port,), is_init=False)]


def test_recognition_by_an_answer(pong: int) -> None:
    others = [service("silent", hello=b"HELLO\r\n", banner=re.compile(rb"^HELLO")), service("mail", banner=re.compile(rb"^\+"))]
    mine = service(hello=b"PING\r\n", banner=re.compile(rb"^\+PONG"))
    assert by_banner(target(pong), [*others, mine], [pong]) == [Found(mine, (pong,), is_init=False)]


class Container:
    """Records the commands; a program has the status and the output that it is given."""

    def __init__(self, **programs: tuple[int, str]) -> None:
        self.programs = programs
        self.ran: list[tuple[list[str], dict[str, str]]] = []
        self.signals: list[str] = []

    def run(self, argv: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
        self.ran.append((list(argv), dict(environment)))
        return self.programs.get(argv[0], (127, "not found"))

    def has_path(self, path: str) -> bool:
        return path.removeprefix("/usr/bin/") in self.programs


def asked(container: Container, where: Target, asking: Asking, *found: Found) -> list[tuple[str, bool, int, str]]:
    probe = ServiceProbe(where, asking, container.run, container.has_path, container.signals.append, float("inf"))
    return [(one.target, one.ok, one.status, one.output) for one in probe.ask(found)]


def test_exchanges_and_clients(pong: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "AGAIN_SECONDS", 0.0)
    container = Container(cli=(0, "PONG\n"), bad=(3, "denied"))
    mine = service(
        exchanges=(PING,),
        commands=(command("new-cli|cli", "-p", "{port}", "{USER:root}", PASSWORD="{SECRET}{GONE}"), command("gone"), command("bad"), command("cli", "write", writes=True)),
    )
    where = target(pong, SECRET="word", USER="me")
    results = asked(container, where, Asking(services=(mine,)), Found(mine, (pong,), is_init=True))
    assert results == [
        (f"mine port {pong}: PING", True, 0, "+PONG"),
        (f"mine: cli -p {pong} me", True, 0, "PONG\n"),
        ("mine: bad", False, 3, "denied"),
    ]
    assert container.ran[0] == (["cli", "-p", str(pong), "me"], {"PASSWORD": "word"})
    assert asked(container, where, Asking(services=(mine,), writes=True), Found(mine, (pong,), is_init=True))[-1][0] == "mine: cli write"


@pytest.mark.parametrize(
    ("words", "ran"),
    [
        (("haproxy", "-W", "-f", "/etc/h.cfg"), [["check", "/etc/h.cfg", "/d"]]),
        (("haproxy", "-f/etc/h.cfg", "--conf=/x"), [["check", "/etc/h.cfg", "/x"]]),
        (("haproxy", "-foreground", "--conf", "/x"), []),
        (("haproxy", "-f"), []),
    ],
)
def test_values_of_the_services_own_options(words: tuple[str, ...], ran: list[list[str]]) -> None:
    mine = service(commands=(command("check", "{-f}", "{--conf:/d}"),))
    container = Container(check=(0, ""))
    asked(container, target(), Asking(services=(mine,)), Found(mine, (), is_init=True, words=words))
    assert [argv for argv, _ in container.ran] == ran


def test_exchanges_that_write(pong: int) -> None:
    mine = service(exchanges=(replace(PING, writes=True),))
    for writes in (False, True):
        assert len(asked(Container(), target(pong), Asking(services=(mine,), writes=writes), Found(mine, (pong,), is_init=True))) == writes


def test_without_clients_there_are_exchanges_alone(pong: int) -> None:
    mine = service(exchanges=(PING,), commands=(command("cli"),))
    container = Container(cli=(0, ""))
    assert [one[0] for one in asked(container, target(pong), Asking(services=(mine,), clients=False), Found(mine, (pong,), is_init=True))] == [f"mine port {pong}: PING"]
    assert container.ran == []


def test_a_replay_asks_what_was_answered(pong: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "RETRY_SECONDS", 0.0)
    mine = service(exchanges=(PING,), commands=(command("new-cli|cli"), command("bad")))
    asking = Asking(services=(mine,), targets=frozenset({"mine: cli"}))
    assert asked(Container(), target(pong), asking, Found(mine, (pong,), is_init=True)) == [("mine: cli", False, 127, "not found")]


def test_a_service_that_is_not_ready_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "RETRY_PAUSE", 0.0)
    container = Container(cli=(1, "starting"))
    real = container.run

    def run(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
        if len(container.ran) == 3:
            container.programs["cli"] = (0, "ready")
        return real(argv, environment)

    monkeypatch.setattr(container, "run", run)
    mine = service(commands=(command("cli"),))
    assert asked(container, target(), Asking(services=(mine,)), Found(mine, (), is_init=True)) == [("mine: cli", True, 0, "ready")]
    assert len(container.ran) == 4


def test_reload(pong: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "RELOAD_SECONDS", 0.0)
    monkeypatch.setattr(service_module, "RETRY_SECONDS", 0.0)
    mine = service(reload="SIGHUP")
    container = Container()
    for found, results in (
        (Found(mine, (pong,), is_init=True), [("mine: reload by SIGHUP", True, 0, "")]),
        (Found(mine, (1,), is_init=True), [("mine: reload by SIGHUP", False, -1, "")]),
        (Found(mine, (pong,), is_init=False), []),
    ):
        assert asked(container, target(pong), Asking(services=(mine,)), found) == results
    assert container.signals == ["SIGHUP", "SIGHUP"]


def test_a_port_that_a_service_explains_is_no_warning(pong: int) -> None:
    name = os.path.basename(os.readlink("/proc/self/exe"))
    mine = service(programs=frozenset({name}), ports=frozenset({pong}), exchanges=(PING,))
    plan = ProbePlan(asking=Asking(services=(mine,)))
    where = target(pong)
    probe = ServiceProbe(where, plan.asking, Container().run, Container().has_path, lambda _: None, float("inf"))
    results = run_probes(where, plan, lambda _: (0, ""), float("inf"), probe.ask)
    assert [(one.kind, one.target) for one in results] == [("service", f"mine port {pong}: PING")]
    assert replayable_targets(results, "service") == {f"mine port {pong}: PING"}
