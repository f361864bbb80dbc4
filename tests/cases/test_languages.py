"""Servers in many languages, from one fat image: what only the second request needs, works in the slim ones."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cases.harness import Case, Recipe, Subject, built, hold, kept

pytestmark = pytest.mark.integration

IMAGE = "docker-slim-test/languages"
SOURCES = Path(__file__).with_name("languages")
PORT = 8080
ASK = "curl -fsS 127.0.0.1:$DOCKER_SLIM_PORT_8080/second"


RECIPE = Recipe(
    name=IMAGE,
    dockerfile=(SOURCES / "Dockerfile").read_text(),
    files={path.name: path.read_bytes() for path in SOURCES.iterdir() if path.is_file() and path.name != "Dockerfile"},
)


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with built(RECIPE) as name:
        yield name


def get(subject: Subject, path: str, cookie: str = "") -> tuple[str, str]:
    """Return the body and the cookie that the app answers with."""
    request = urllib.request.Request(f"http://127.0.0.1:{subject.ports[PORT]}{path}", headers={"Cookie": cookie})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode().strip(), (answer.headers["Set-Cookie"] or "").partition(";")[0]


def answering(second: str, status: int = 0, last: str = "") -> Callable[[Subject], None]:
    """Return a check: both pages answer, and the app ends as it should."""

    def check(subject: Subject) -> None:
        assert get(subject, "/")[0] == "first"
        assert get(subject, "/second")[0] == second
        assert subject.stop() == status
        assert last in subject.logs()

    return check


def test_php_under_apache(image: str) -> None:
    def check(subject: Subject) -> None:
        body, cookie = get(subject, "/")
        assert body == "visit 1 IST"
        assert get(subject, "/", cookie)[0] == "visit 2 IST"
        assert get(subject, "/second.php")[0] == "late SS 42"
        subject.logged("GET /second.php")

    apache = ("apache2ctl", "-D", "FOREGROUND")
    case = Case(image=image, command=apache, ports=(PORT,), slim=("--http=/second.php",), check=check)
    report = hold(case)
    assert not any("/java-17-openjdk-amd64/" in path for path in kept(report))


def test_java(image: str) -> None:
    check = answering("true 5 hallo 1. Januar 2020 Linux", 143, "goodbye")
    options = ("--user=app", "--workdir=/srv/java")
    hold(
        Case(
            image=image,
            command=("java", "-Xmx64m", "App"),
            options=options,
            ports=(PORT,),
            slim=(f"--host-exec={ASK}",),
            check=check,
        )
    )


def test_python(image: str) -> None:
    second = "1.2 first ['first', 'second'] True [4, 9] 9:00:00 True 2 42 requests"
    report = hold(
        Case(
            image=image,
            command=("python3", "server.py"),
            options=("--user=app", "--workdir=/srv/python"),
            ports=(PORT,),
            slim=(f"--host-exec={ASK}",),
            check=answering(second),
        )
    )
    # Only listed, never imported.
    assert "/srv/python/jobs/second.py" in kept(report)
    assert not any("/test/" in path for path in kept(report))


def test_node_with_late_imports_and_workers(image: str) -> None:
    check = answering("late 16 1. Januar 1970 um 05:30 ca9781 app")
    options = ("--user=app", "--workdir=/srv/node")
    hold(
        Case(
            image=image,
            command=("node", "server.mjs"),
            options=options,
            ports=(PORT,),
            slim=(f"--host-exec={ASK}",),
            check=check,
        )
    )


@pytest.mark.parametrize("program", ["server", "static"])
def test_c_with_musl_and_static(image: str, program: str) -> None:
    report = hold(
        Case(
            image=image,
            command=(f"/srv/musl/{program}",),
            options=("--user=app", "--env=TZ=Asia/Kolkata"),
            ports=(PORT,),
            slim=(f"--host-exec={ASK}",),
            check=answering("42 05:30 app"),
        )
    )
    if program == "server":
        assert {"/srv/musl/lib/plugin.so", "/etc/ld-musl-x86_64.path"} <= kept(report)
        assert not any("libc.so.6" in path for path in kept(report))
    assert sum(image["Size"] for image in report["Images"]) < 8_000_000


def test_ruby_with_gems_and_autoloading(image: str) -> None:
    report = hold(
        Case(
            image=image,
            command=("puma", "--port", "8080", "--environment", "production", "config.ru"),
            options=("--user=app", "--workdir=/srv/ruby"),
            ports=(PORT,),
            slim=(f"--host-exec={ASK}",),
            # As PID 1 it cannot end itself by the signal that it was sent, as it wants to.
            check=answering("42 ca9781 1", 1, "Gracefully stopping"),
        )
    )
    assert "/srv/ruby/models/invoice.rb" in kept(report)
    assert not any("/java-17-openjdk-amd64/" in path for path in kept(report))
