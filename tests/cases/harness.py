"""Cases: whole images, slimmed by the command line and then used the usual way.

A case is a record: how the app is started, what is done to it while it is watched, and a check that must hold for the
source and for both slim images. `hold` slims it, and asserts all that every case has to hold to.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker_slim_plugin.engine.gate import GATE_PATH
from tests.faithful import differences

SLIM = (sys.executable, "-m", "docker_slim_plugin")
SECONDS = 60
"""Of waiting for one thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A container of the image that is checked: a job that has ended, or a running app."""

    container: str
    image: str
    ports: Mapping[int, int]
    """Container port -> port of 127.0.0.1."""
    status: int | None = None
    """Exit status of a job; None while it runs."""
    output: str = ""
    """A job's standard output and error, one after the other."""

    def run(self, *argv: str, options: tuple[str, ...] = (), data: str | None = None) -> str:
        """Run a command in the container by `docker exec` and return what it wrote; it has to succeed."""
        interactive = () if data is None else ("--interactive",)
        return docker("exec", *interactive, *options, self.container, *argv, data=data)

    def logs(self) -> str:
        answer = subprocess.run(["docker", "logs", self.container], check=True, capture_output=True)
        return (answer.stdout + answer.stderr).decode(errors="replace")

    def logged(self, text: str) -> None:
        """Wait until the log holds `text`."""
        until(lambda: text in self.logs(), f"{text!r} in the log", self)

    def stop(self) -> int:
        """Stop the container as docker does and return its exit status."""
        docker("stop", self.container)
        return int(docker("inspect", "--format", "{{.State.ExitCode}}", self.container))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One way to use an image."""

    image: str
    """A local image; see `built`."""
    check: Callable[[Subject], object]
    """Asserts that the app works."""
    options: tuple[str, ...] = ()
    """Of docker run."""
    command: tuple[str, ...] = ()
    slim: tuple[str, ...] = ()
    """Of docker slim run alone: --exec, --host-exec, --http, --until ... The level is exact, if none is here."""
    ports: tuple[int, ...] = ()
    """TCP ports that must talk or hold a connection before the check begins."""
    batch: bool = False
    """A job: the check begins when it has ended."""
    warnings: tuple[str, ...] = ()
    """Parts of warnings that belong to this case; any other is a failure."""


def docker(*arguments: str, data: str | None = None) -> str:
    """Return what the docker command line writes; it has to succeed."""
    stdin = {"stdin": subprocess.DEVNULL} if data is None else {"input": data.encode()}
    answer = subprocess.run(["docker", *arguments], check=False, capture_output=True, timeout=600, **stdin)
    said = answer.stdout.decode(errors="surrogateescape")
    assert answer.returncode == 0, f"docker {' '.join(arguments)}: {said}{answer.stderr.decode(errors='replace')}"
    return said.strip()


def until(condition: Callable[[], object], what: str, subject: Subject | None = None) -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}; {subject.logs()[-2000:] if subject else ''}"
        time.sleep(0.1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recipe:
    """What an image is built of."""

    name: str
    dockerfile: str
    files: Mapping[str, bytes | str] = field(default_factory=dict)

    def build(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            for file, content in {"Dockerfile": self.dockerfile, **self.files}.items():
                place = Path(directory, file)
                place.write_bytes(content if isinstance(content, bytes) else content.encode())
                place.chmod(0o755)
            docker("build", "-q", "-t", self.name, directory)


_builder = ThreadPoolExecutor(1, "builder")
_ahead: dict[str, Future[None]] = {}


def build_ahead(recipe: Recipe) -> None:
    """Begin to build an image that tests will want later."""
    _ahead[recipe.name] = _builder.submit(recipe.build)


def nothing_ahead() -> None:
    """Forget what was built ahead and never wanted."""
    _builder.shutdown(cancel_futures=True)
    forget(*_ahead)


@contextmanager
def built(recipe: Recipe) -> Iterator[str]:
    """Yield the name of an image; it and what was made of it are gone afterwards."""
    if recipe.name in _ahead:
        _ahead.pop(recipe.name).result()
    else:
        recipe.build()
    try:
        yield recipe.name
    finally:
        forget(recipe.name, *slim_names(recipe.name))


def slim_names(image: str) -> tuple[str, str]:
    """Return the names of the layered and the squashed image."""
    tagged = image if ":" in image else f"{image}:latest"
    return f"{tagged}-slim", f"{tagged}-slim-squashed"


def forget(*names: str) -> None:
    if names:
        subprocess.run(["docker", "rmi", "-f", *names], check=False, capture_output=True)


@contextmanager
def started(case: Case, image: str) -> Iterator[Subject]:
    """Yield a container of `image`, started as the case says and ready for its check; it is gone afterwards."""
    publish = [f"--publish=127.0.0.1::{port}" for port in case.ports]
    container = docker("create", *case.options, *publish, image, *case.command)
    try:
        if case.batch:
            answer = subprocess.run(
                ["docker", "start", "--attach", container], check=False, capture_output=True, timeout=300
            )
            output = (answer.stdout + answer.stderr).decode(errors="surrogateescape")
            yield Subject(container=container, image=image, ports={}, status=answer.returncode, output=output)
            return
        docker("start", container)
        ports = {
            port: int(docker("port", container, str(port)).splitlines()[0].rpartition(":")[2]) for port in case.ports
        }
        subject = Subject(container=container, image=image, ports=ports)
        for port, published in ports.items():
            until(lambda published=published: answers(published), f"port {port}", subject)  # type: ignore[misc]
        yield subject
    finally:
        subprocess.run(["docker", "rm", "-fv", container], check=False, capture_output=True)


def answers(port: int) -> bool:
    """Tell whether something behind docker's proxy talks, or holds the connection: the proxy alone closes it at once."""
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as connection:
            connection.settimeout(0.3)
            return bool(connection.recv(1))
    except TimeoutError:
        return True
    except OSError:
        return False


def hold(case: Case) -> dict[str, Any]:
    """Assert that the case works on the source and on both slim images; return the full report of the run."""
    before = _identity(case.image)
    with started(case, case.image) as subject:
        case.check(subject)
    names = slim_names(case.image)
    try:
        report = slim(case)
        for name in names:
            assert differences(case.image, name) == []
            with started(case, name) as subject:
                case.check(subject)
                changed = docker("diff", subject.container).splitlines()
                assert not [line for line in changed if GATE_PATH in line], "the gate is in the image"
    finally:
        forget(*names)
    assert _identity(case.image) == before, "the source image is no longer what it was"
    return report


def slim(case: Case) -> dict[str, Any]:
    """Slim the case's image by the command line and return the full report: passed, complete, nothing to warn of."""
    publish = [f"--publish=127.0.0.1::{port}" for port in case.ports]
    level = () if any(option.startswith("--level") for option in case.slim) else ("--level=exact",)
    argv = [*SLIM, "run", "--format=json", *level, *case.slim, *case.options, *publish, case.image, *case.command]
    answer = subprocess.run(argv, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=290)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    file = json.loads(answer.stdout)["Report"]
    report: dict[str, Any] = json.loads(Path(file).read_text(encoding="ascii"))
    assert report["Passed"]
    assert report["Observed"]["Lost"] == 0
    unexpected = [said for said in report["Warnings"] if not any(part in said for part in case.warnings)]
    assert unexpected == [], unexpected
    return report


def kept(report: Mapping[str, Any]) -> set[str]:
    """Return the paths in the slim image that are not directories."""
    return {file["Path"] for file in report["Files"] if file["Kind"] != "dir"}


def _identity(image: str) -> str:
    return docker("image", "inspect", "--format", "{{.Id}} {{.RepoTags}} {{.RootFS.Layers}}", image)
