"""The probes, with this process as the app and threads as its servers."""

from __future__ import annotations

import os
import socketserver
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from docker_slim_plugin.model.observation import SKIPPED, ProbeResult
from docker_slim_plugin.observe.probes import crawl, http, probe
from docker_slim_plugin.observe.probes.http_spelling import HttpProbe
from docker_slim_plugin.observe.probes.probe import ProbePlan, host_exec, replayable_requests, run_probes
from docker_slim_plugin.observe.probes.readiness import Target


class Pages(BaseHTTPRequestHandler):
    """Two pages, the rest 404."""

    def do_GET(self) -> None:
        body = {"/": b"<a href=/two>", "/two": b"2"}.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def do_POST(self) -> None:
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class Mail(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(b"220 mail\r\n")
        self.request.recv(1000)


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    with server:
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def web() -> Iterator[int]:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Pages)) as port:
        yield port


@pytest.fixture(scope="module")
def mail() -> Iterator[int]:
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)) as port:
        yield port


def never(command: str | Sequence[str]) -> tuple[int, str]:
    raise AssertionError(command)


def target(*ports: int, exposed: tuple[int, ...] = ()) -> Target:
    reached = {port: ("127.0.0.1", port) for port in ports}
    return Target(container="c0ffee", image="app:1", pid=os.getpid(), ports=reached, exposed=exposed or ports)


def probed(plan: ProbePlan, *ports: int, exposed: tuple[int, ...] = ()) -> list[tuple[str, str, int]]:
    results = run_probes(target(*ports, exposed=exposed), plan, never, time.monotonic() + 60)
    return [(one.kind, one.target, one.status) for one in results]


def test_a_web_server_is_crawled(web: int) -> None:
    pages = [("/", 200), ("/favicon.ico", 404), ("/robots.txt", 404), ("/two", 200)]
    assert probed(ProbePlan(), web) == [("http", f"GET {web}{path}", status) for path, status in pages]


def test_only_requested_pages_are_requested_without_a_crawl(web: int) -> None:
    plan = ProbePlan(crawl=False, http=(HttpProbe("POST", web, "/api"), HttpProbe("GET", None, "/two")))
    assert probed(plan, web) == [("http", f"POST {web}/api", 201), ("http", f"GET {web}/two", 200)]


def test_no_http_at_all(web: int) -> None:
    assert probed(ProbePlan(crawl=False), web) == []


def test_a_port_with_another_protocol_is_reported(mail: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAUSE_SECONDS", 0.01)
    results = run_probes(target(mail), ProbePlan(), never, time.monotonic() + 60)
    assert [(one.kind, one.detail) for one in results] == [(SKIPPED, f"port {mail} does not speak HTTP: not probed")]


def test_a_port_known_to_speak_another_protocol_is_not_probed(mail: int) -> None:
    assert probed(ProbePlan(foreign=frozenset({mail})), mail) == []


def test_an_unreachable_port_is_reported(web: int) -> None:
    results = run_probes(target(exposed=(web,)), ProbePlan(), never, time.monotonic() + 60)
    assert [one.detail for one in results] == [f"port {web} cannot be reached from the host: not probed"]


def test_skipped_links_are_reported(web: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crawl, "MAX_PAGES", 1)
    results = run_probes(target(web), ProbePlan(), never, time.monotonic() + 60)
    assert [one.target for one in results] == [f"GET {web}/", f"{web}/..."]
    assert "1 pages were requested, 3 or more links were not followed" in results[1].detail


def test_a_request_to_a_port_without_a_listener(web: int) -> None:
    plan = ProbePlan(crawl=False, http=(HttpProbe("GET", 1, "/x"),))
    results = run_probes(target(web), plan, never, time.monotonic() + 60)
    assert [(one.target, one.ok, one.detail) for one in results] == [("GET 1/x", False, "nothing listens on 1")]


def test_order_and_results_of_commands(web: int) -> None:
    calls: list[str | Sequence[str]] = []

    def execute(command: str | Sequence[str]) -> tuple[int, str]:
        calls.append(command)
        return (0, "fine") if command == "good" else (3, "first\nlast words\n")

    plan = ProbePlan(crawl=False, exec_=("good", "bad"), host_exec=("echo out; echo err >&2; exit 4",))
    results = run_probes(target(web), plan, execute, time.monotonic() + 60)
    assert calls == ["good", "bad"]
    assert [(one.kind, one.ok, one.status, one.output, one.detail) for one in results] == [
        ("exec", True, 0, "fine", ""),
        ("exec", False, 3, "first\nlast words\n", "exit status 3: last words"),
        ("host-exec", False, 4, "out\nerr\n", "exit status 4: err"),
    ]


@pytest.mark.parametrize(
    ("statuses", "ok", "calls"),
    [
        pytest.param([0], True, 1, id="healthy"),
        pytest.param([1, 1, 0], True, 3, id="healthy after a while"),
        pytest.param([1] * 9, False, probe.HEALTH_TRIES, id="never"),
    ],
)
def test_a_healthcheck_is_tried_some_times(
    statuses: list[int], ok: bool, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "HEALTH_PAUSE", 0)
    left = list(statuses)
    plan = ProbePlan(crawl=False, healthcheck=("curl", "-f", "x"))
    result = run_probes(target(), plan, lambda _: (left.pop(0), "no"), time.monotonic() + 60)[0]
    assert (result.kind, result.target, result.ok, len(statuses) - len(left)) == ("healthcheck", "curl -f x", ok, calls)


def test_a_host_command_gets_the_container_in_its_environment() -> None:
    where = Target(container="c0ffee", image="app:1", pid=1, ports={80: ("127.0.0.1", 32768)}, exposed=(80,))
    result = host_exec("echo $DOCKER_SLIM_CONTAINER $DOCKER_SLIM_IMAGE $DOCKER_SLIM_PORT_80", where, time.monotonic() + 9)
    assert result.output == "c0ffee app:1 32768\n"


def test_a_host_command_and_its_children_are_killed_at_the_deadline(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    result = host_exec(f"sleep 60 & echo $! >{file}; sleep 60", target(), time.monotonic())
    assert (result.ok, result.output) == (False, "it did not end in time")
    pid = int(file.read_text())
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists() or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
            return
        time.sleep(0.02)
    pytest.fail(f"{pid} still runs")


def test_output_is_bounded() -> None:
    result = host_exec("head -c 1000000 /dev/zero | tr '\\0' x", target(), time.monotonic() + 30)
    assert len(result.output) == probe.MAX_OUTPUT


def test_answered_requests_are_replayed() -> None:
    results = (
        ProbeResult(kind="http", target="GET 80/", ok=True, status=200),
        ProbeResult(kind="http", target="POST 8080/a?b=/c d", ok=False, status=500),
        ProbeResult(kind="http", target="GET 81/", ok=False, status=-1),
        ProbeResult(kind=SKIPPED, target="25", ok=True, status=-1),
        ProbeResult(kind=SKIPPED, target="80/...", ok=True, status=-1),
        ProbeResult(kind="exec", target="GET 1/", ok=True, status=0),
    )
    good = HttpProbe("GET", 80, "/", 200), HttpProbe("POST", 8080, "/a?b=/c d", 500)
    assert replayable_requests(results, ended=False) == (good, frozenset({25}))
    assert replayable_requests(results, ended=True)[0] == (*good, HttpProbe("GET", 81, "/"))


def test_a_busy_app_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target(container="c", image="i", pid=os.getpid(), ports={}, exposed=())
    used = iter(range(100))
    answers = [(None, "no answer within 10 s"), (None, "no answer within 10 s"), (http.Server("127.0.0.1", 1, 1), "")]
    monkeypatch.setattr(probe, "detect_http", lambda _: answers.pop(0))
    monkeypatch.setattr(probe, "processor_seconds", lambda _: float(next(used)))
    found, _ = probe._detect(target, http.Server("127.0.0.1", 1, 1))
    assert found
    answers[:] = [(None, "no answer within 10 s"), (None, "")]
    monkeypatch.setattr(probe, "processor_seconds", lambda _: 0.0)
    assert probe._detect(target, http.Server("127.0.0.1", 1, 1)) == (None, "no answer within 10 s")
