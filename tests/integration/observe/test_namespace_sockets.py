"""Ports that are not published, loopback alone, no network; and services of a catalogue of the user. On a real engine."""

from __future__ import annotations

import errno
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_slim_plugin.observe.probes.namespace_sockets import NamespaceSockets
from tests.cases.harness import SLIM, docker
from tests.integration.workflows.test_run import build, remove

pytestmark = pytest.mark.integration
IMAGE, TAG = "docker-slim-test/inner", "docker-slim-test/inner:made"
APP = """
FROM debian:bookworm
COPY busybox /bin/
RUN mkdir /www /data && echo inside >/www/index.html && echo shown >/data/text && ln -s busybox /bin/httpd \
 && printf '#!/bin/sh\\nexec cat "$1"\\n' >/bin/show && chmod 755 /bin/show
CMD ["/bin/httpd", "-f", "-p", "127.0.0.1:8001", "-h", "/www"]
"""
CATALOGUE = """
[mine]
programs = ["httpd"]
commands = [{ argv = ["gone|show", "{PLACE:/data/text}"] }]
exchanges = [{ send = "GET / HTTP/1.0\\r\\n\\r\\n", expect = '^HTTP/1\\.[01] 200' }]
"""


@pytest.fixture(scope="module", autouse=True)
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    build(tmp_path_factory.mktemp("inner"), IMAGE, APP)
    yield
    remove(IMAGE, TAG, f"{TAG}-squashed")


@pytest.fixture
def pid() -> Iterator[int]:
    """Yield the pid of the app in a container without a network."""
    container = docker("run", "-d", "--network=none", IMAGE).strip()
    yield int(docker("inspect", "--format={{.State.Pid}}", container))
    docker("rm", "-f", container)


def test_sockets_in_the_namespace(pid: int) -> None:
    with NamespaceSockets(pid) as sockets:
        assert sockets.is_separate
        assert dict(sockets.addresses("")) == {8001: "127.0.0.1"}
        for _ in range(2):
            with sockets.connect("127.0.0.1", 8001, 5.0) as stream:
                stream.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert b"200 OK" in stream.recv(1000)
        with pytest.raises(OSError, match="refused") as refused:
            sockets.connect("127.0.0.1", 8002, 5.0)
        assert refused.value.errno == errno.ECONNREFUSED
        with pytest.raises(OSError, match="unreachable"):
            sockets.connect("192.0.2.1", 80, 5.0)
        with sockets.connect("127.0.0.1", 53, 5.0, udp=True) as datagrams:
            assert datagrams.getpeername() == ("127.0.0.1", 53)
        with pytest.raises(ValueError, match="does not appear to be"):
            sockets.connect("localhost", 80, 5.0)


def test_the_process_has_no_rights(pid: int) -> None:
    with NamespaceSockets(pid) as sockets:
        sockets.connect("127.0.0.1", 8001, 5.0).close()
        status = Path(f"/proc/{sockets._process.pid}/status").read_text().splitlines()
        fields = dict(line.split(":\t", 1) for line in status if ":\t" in line)
        assert {fields[name] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd")} == {"0" * 16}
        assert (fields["Uid"].split()[0], fields["Seccomp"], fields["NoNewPrivs"]) == ("65534", "2", "1")
        process = sockets._process
    assert process.poll() is not None


def slimmed(*options: str) -> dict[str, object]:
    answer = subprocess.run(
        [*SLIM, "run", f"--tag={TAG}", "--force", "--format=json", "--network=none", *options, IMAGE],
        check=True,
        stdout=subprocess.PIPE,
    )
    return dict(json.loads(answer.stdout)["Observed"])


def test_a_run_without_a_network_asks_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(CATALOGUE)
    probes = slimmed(f"--service={tmp_path}")["Probes"]
    assert isinstance(probes, list)
    asked = {(one["Kind"], one["Target"]): one["OK"] for one in probes}
    assert asked["service", "mine port 8001: GET / HTTP/1.0"]
    assert asked["service", "mine: show /data/text"]
    assert docker("run", "--rm", TAG, "show", "/data/text").strip() == "shown"
    assert docker("run", "--rm", TAG, "cat", "/www/index.html").strip() == "inside"


def test_without_services_the_port_is_crawled() -> None:
    probes = slimmed("--no-services")["Probes"]
    assert isinstance(probes, list)
    assert {("http", "GET 8001/"), ("http-status", "HEAD 8001/")} <= {(one["Kind"], one["Target"]) for one in probes if one["OK"]}
    with pytest.raises(AssertionError, match="show"):
        docker("run", "--rm", TAG, "show", "/data/text")
