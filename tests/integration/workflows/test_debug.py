"""A shell beside a running container: slim, read-only, of another user, restricted. On a real engine."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cases.harness import SLIM, docker
from tests.faithful import left_behind
from tests.integration.workflows.test_run import build, remove

pytestmark = pytest.mark.integration

IMAGE, WEB, TARGET = "docker-slim-test/debug-app", "docker-slim-test/debug-web", "docker-slim-test-debug"
OTHER = "docker-slim-test/debug-tools"
APP = r"""
FROM debian:bookworm
COPY busybox /bin/busybox
RUN echo hello >/srv/text
EXPOSE 8080
CMD ["busybox", "sleep", "3600"]
"""
RIGHTS = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "Seccomp", "NoNewPrivs")
SECCOMP = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}


@pytest.fixture(scope="module", autouse=True)
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    build(tmp_path_factory.mktemp("debug"), IMAGE, APP)
    yield
    remove(IMAGE)


@contextmanager
def target(*options: str, image: str = IMAGE, ready: str = "") -> Iterator[str]:
    """Yield the name of a running container; it has to be as it was in the end, and nothing else may be left."""
    docker("run", "--detach", "--name", TARGET, *options, image)
    try:
        while ready and subprocess.run(["docker", "cp", f"{TARGET}:{ready}", "-"], check=False, capture_output=True).returncode:
            time.sleep(0.1)
        before = sorted(docker("diff", TARGET).splitlines())
        yield TARGET
        assert sorted(docker("diff", TARGET).splitlines()) == before
        assert left_behind() == []
    finally:
        docker("rm", "--force", "--volumes", TARGET)


def debug(*words: str, data: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SLIM, "debug", *words], check=False, capture_output=True, text=True, input=data, timeout=60)


def said(*words: str, data: str | None = None) -> str:
    answer = debug(*words, data=data)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def rights(status: str) -> dict[str, list[str]]:
    found = {name: value.split() for name, _, value in (line.partition(":") for line in status.splitlines())}
    return {name: sorted(found[name]) for name in RIGHTS}


CASES = {
    "default": (),
    "a user": ("--user=1000:1001", "--group-add=44", "--group-add=55"),
    "read-only": ("--read-only", "--user=1000"),
    "no capabilities": ("--cap-drop=ALL",),
    "more capabilities": ("--cap-drop=ALL", "--cap-add=NET_ADMIN", "--cap-add=KILL"),
    "no new privileges": ("--security-opt=no-new-privileges",),
    "no seccomp": ("--security-opt=seccomp=unconfined",),
    "no network": ("--network=none",),
    "the host's network": ("--network=host",),
    "the host's processes": ("--pid=host",),
    "an init": ("--init",),
    "shared memory": ("--ipc=shareable",),
    "no ipc": ("--ipc=none",),
    "limits": ("--memory=64m", "--pids-limit=50", "--ulimit=nofile=100"),
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_it_has_the_rights_of_the_container(options: tuple[str, ...]) -> None:
    show = "cat /proc/self/status; cat srv/text; readlink /proc/self/ns/net; readlink /proc/self/ns/pid; ulimit -n; readlink /proc/self/ns/ipc"
    with target(*options) as name:
        ours = said(name, "sh", "-c", show)
        theirs = docker("exec", name, "busybox", "sh", "-c", show.replace("srv/text", "/srv/text"))
    assert rights(ours) == rights(theirs)
    tail, expected = ours.splitlines()[-5:], theirs.splitlines()[-5:]
    assert tail[0] == "hello"
    assert tail[1:4] == expected[1:4]
    assert (tail[4] == expected[4]) is ("--ipc=shareable" in options)


def test_a_profile_of_seccomp_and_processes(tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text(json.dumps(SECCOMP))
    with target(f"--security-opt=seccomp={profile}") as name:
        refused = debug(name, "mkdir", "/tmp/made")
        assert refused.returncode == 1
        assert "Operation not permitted" in refused.stderr
        assert "busybox sleep 3600" in said(name, "ps")


def test_slim_images() -> None:
    made = f"{WEB}:made"
    try:
        subprocess.run([*SLIM, "run", "-q", f"--tag={made}", "case/nginx"], check=True, stdout=subprocess.DEVNULL)
        for options in ((), ("--read-only", "--volume=/run", "--tmpfs=/var/cache/nginx", "--tmpfs=/var/lib/nginx")):
            with target(*options, image=made, ready="/run/nginx.pid") as name:
                assert "HTTP/1.1 200" in debug(name, "wget", "-qSO-", "127.0.0.1").stderr
                assert subprocess.run(["docker", "exec", name, "/bin/sh", "-c", ":"], check=False, capture_output=True).returncode
                assert "nginx: master process" in said(name, "ps")
                assert "user" in said(name, "cat", "etc/nginx/nginx.conf")
    finally:
        remove(made, f"{made}-squashed")


def test_input_status_and_user() -> None:
    with target("--user=1000") as name:
        assert said(name, data="id -u; pwd\n").split() == ["1000", "/proc/1/root"]
        assert said("-i", name, "cat", data="text") == "text"
        assert said(name, "cat", data="text") == ""
        assert debug(name, "sh", "-c", "exit 7").returncode == 7
        assert debug(name, "none").returncode == 127
        assert debug("--user=ann", name).returncode == 2
        assert debug("-t", name, "ls", data="").returncode == 2
        # Root of the container with its capabilities may not look into a process of another user; the kernel says so.
        other = debug("--user=0", name, "pwd")
        assert other.stdout.strip() == "/"
        assert "cannot be read as uid 0" in other.stderr
        more = debug("--user=0", "--cap-add=SYS_PTRACE", name, "cat", "srv/text")
        assert more.stdout == "hello\n"
        assert "more than the container: SYS_PTRACE" in more.stderr


def test_another_image_of_tools() -> None:
    with target() as name:
        assert "bookworm" in said("--image=debian:bookworm", name, "grep", "VERSION_CODENAME", "/etc/os-release")
        assert said(f"--image={IMAGE}", name, "cat", "srv/text") == "hello\n"
        docker("import", "-", OTHER, data="\0" * 10240)
        try:
            refused = debug(f"--image={OTHER}", name)
            assert refused.returncode == 1
            assert "it has no /bin/sh" in refused.stderr
        finally:
            remove(OTHER)


def test_the_tools_of_a_container_that_shares_processes() -> None:
    inner = f"{TARGET}-inner"
    with target() as name:
        docker("run", "--detach", "--name", inner, f"--pid=container:{name}", IMAGE)
        try:
            root = said(inner, "sh", "-c", "echo $PWD").strip()
            assert root not in ("/", "/proc/1/root")
            docker("exec", inner, "touch", "/srv/mark")
            assert "mark" in said(inner, "ls", "srv")
        finally:
            docker("rm", "--force", inner)


def test_containers_that_do_not_run() -> None:
    with target() as name:
        docker("pause", name)
        paused = debug(name)
        docker("unpause", name)
        docker("stop", "--time=0", name)
        stopped = debug(name)
    assert (paused.returncode, stopped.returncode) == (1, 1)
    assert f"docker unpause {name}" in paused.stderr
    assert f"docker start {name}" in stopped.stderr
    assert f"docker cp {name}:" in stopped.stderr
    assert "cannot find the container" in debug("docker-slim-test-absent").stderr


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Yield a debug whose command runs."""
    with subprocess.Popen(
        [*SLIM, "debug", *words, "sh", "-c", "echo started; sleep 600"],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as one:
        assert one.stdout
        assert one.stdout.readline() == "started\n"
        yield one


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(number: signal.Signals) -> None:
    with target() as name, started(name) as one:
        os.killpg(one.pid, number)
        assert one.wait(30) == 130


def test_killed() -> None:
    with target() as name:
        with started(name) as one:
            one.kill()
            one.wait()
            assert left_behind() != []
            subprocess.run([*SLIM, "prune"], check=True, stdout=subprocess.DEVNULL)
            assert left_behind() == []


def test_it_ends_with_the_container() -> None:
    with target() as name, started(name) as one:
        docker("kill", name)
        assert one.wait(30) == 137


def test_a_terminal() -> None:
    """The terminal's size, Ctrl-C for the command alone, a helpful first line, and the status."""
    with target("--user=1000") as name:
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvp(SLIM[0], [*SLIM, "debug", name])
        seen = ""

        def until(text: str) -> None:
            nonlocal seen
            deadline = time.monotonic() + 30
            while text not in seen:
                assert time.monotonic() < deadline, seen
                seen += os.read(terminal, 4096).decode(errors="replace")
            seen = seen.partition(text)[2]

        until("below /proc/1/root (here)")
        until("debug:/proc/1/root $ ")
        os.write(terminal, b"echo begin; sleep 300\n")
        until("\nbegin")
        os.write(terminal, b"\3")
        until("debug:/proc/1/root $ ")
        os.write(terminal, b"cat srv/text; exit 5\n")
        until("\nhello")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
        os.close(terminal)
