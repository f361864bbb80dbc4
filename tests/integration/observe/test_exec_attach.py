"""Processes that enter a container from outside (docker exec, HEALTHCHECK) are traced from their first exec."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from docker_slim_plugin.engine.gate import GATE_PATH, find_gate
from docker_slim_plugin.model.observation import AccessKind
from docker_slim_plugin.observe.tracer.cgroup_members import members
from docker_slim_plugin.observe.tracer.client import TracerClient
from tests.integration.observe.test_existing_processes import paths, tracers, wait_until
from tests.tracing import gate_in

pytestmark = pytest.mark.integration

IMAGE = "debian:bookworm"
NAME = "docker-slim-test-exec"
SECONDS = 60
LIBC = f"/lib/{os.uname().machine}-linux-gnu/libc.so.6"
SLEEP = ("sleep", "60")


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, timeout=SECONDS)
    return done.stdout.strip()


@contextmanager
def container(*options: str, command: tuple[str, ...], gate: Path | None = None) -> Iterator[int]:
    """Start a container, in the gate if there is one, and yield the pid of its init."""
    entry = ("--entrypoint", GATE_PATH) if gate else ()
    docker("create", "--name", NAME, *options, *entry, IMAGE, *command)
    try:
        if gate:
            docker("cp", str(gate), f"{NAME}:{GATE_PATH}")
        docker("start", NAME)
        yield int(docker("inspect", "--format", "{{.State.Pid}}", NAME))
    finally:
        docker("rm", "--force", NAME)


@contextmanager
def traced_container(directory: Path, *options: str, use_filter: bool = True) -> Iterator[TracerClient]:
    """A container that sleeps, released from the gate and traced."""
    with container(*options, command=SLEEP, gate=gate_in(directory)) as init, TracerClient(use_filter=use_filter) as tracer:
        pid = find_gate(init, time.monotonic() + SECONDS)
        assert pid is not None
        tracer.attach(pid)
        yield tracer


def accesses_by_process(tracer: TracerClient) -> set[tuple[str, str]]:
    return {(access.path, access.process.argv0) for access in tracer.accesses()}


@pytest.mark.parametrize("use_filter", [True, False], ids=["filter", "every call"])
def test_a_docker_exec_is_traced(tmp_path: Path, use_filter: bool) -> None:
    with traced_container(tmp_path, use_filter=use_filter) as tracer:
        assert docker("exec", NAME, "awk", "BEGIN { print 42 }") == "42"
        script = "/bin/cat /etc/hostname; readlink /usr/bin/pager; [ -e /etc/timezone ]; cd /etc && ls -d ./skel"
        assert docker("exec", NAME, "sh", "-c", script).endswith("./skel")
        assert docker("exec", "--workdir", "/usr", NAME, "bin/env", "true") == ""
        wanted = {
            ("/usr/bin/awk", AccessKind.EXEC),
            ("/bin/cat", AccessKind.EXEC),
            ("/etc/hostname", AccessKind.OPEN),
            ("/usr/bin/pager", AccessKind.READLINK),
            ("/etc/timezone", AccessKind.STAT),
            ("/etc/./skel", AccessKind.STAT),
            ("/usr/bin/env", AccessKind.EXEC),
            ("/usr/bin/true", AccessKind.EXEC),
        }
        assert wait_until(lambda: wanted <= {(access.path, access.kind) for access in tracer.accesses()}, 5), wanted - {
            (access.path, access.kind) for access in tracer.accesses()
        }
        assert (tracer.warnings, tracer.lost) == ([], 0)


def test_a_script_in_a_volume_is_traced(tmp_path: Path) -> None:
    """The script gives no permission event, and the exec of its interpreter holds a lock that PTRACE_SEIZE takes.

    Therefore it is seized when its program opens the first file; from then on all its accesses are recorded.
    """
    volume = tmp_path / "volume"
    volume.mkdir()
    script = volume / "script"
    script.write_text("#!/bin/sh\n[ -e /x/by-script ]; echo done\n", encoding="ascii")
    script.chmod(0o755)
    with traced_container(tmp_path, f"--volume={volume}:/vol") as tracer:
        assert docker("exec", NAME, "/vol/script") == "done"
        wanted = {("/vol/script", "/bin/sh"), ("/x/by-script", "/bin/sh"), (LIBC, "/bin/sh")}
        assert wait_until(lambda: wanted <= accesses_by_process(tracer), 5), accesses_by_process(tracer)
        assert tracer.warnings == []


def test_health_checks_of_docker_are_traced(tmp_path: Path) -> None:
    with traced_container(tmp_path, "--health-cmd=stat /x/health", "--health-interval=1s") as tracer:
        assert wait_until(lambda: "/x/health" in paths(tracer), 20)


def test_several_docker_execs_at_once(tmp_path: Path) -> None:
    with traced_container(tmp_path) as tracer:
        commands = [["docker", "exec", NAME, "sh", "-c", f"/bin/true; [ -e /x/{number} ]; exit 7"] for number in range(8)]
        running = [subprocess.Popen(command) for command in commands]
        assert [process.wait(SECONDS) for process in running] == [7] * 8
        assert wait_until(lambda: {f"/x/{number}" for number in range(8)} <= paths(tracer), 5)


def test_a_running_container_is_traced_with_its_children_and_docker_exec(tmp_path: Path) -> None:
    script = "while :; do /bin/true; [ -e /x/loop ]; sleep 0.05; done & while :; do [ -e /x/main ]; sleep 0.05; done"
    with container(command=("sh", "-c", script)) as init:
        assert wait_until(lambda: len(members(init)) > 1)
        with TracerClient() as tracer:
            assert tracer.seize(init)[0] == init
            assert wait_until(lambda: {"/x/loop", "/x/main", "/bin/true"} <= paths(tracer))
            docker("exec", NAME, "stat", "/etc/hostname")
            assert wait_until(lambda: {"/usr/bin/stat", "/etc/hostname"} <= paths(tracer), 5)
            assert any(path.endswith("/dash") for path in paths(tracer))
            tracer_pid = next(iter(tracers(init)))
            # The kernel allows every exec when the tracer's fanotify group is closed.
            os.kill(tracer_pid, signal.SIGKILL)
            assert tracer.wait(lambda: tracer.has_exited, 5)
        assert docker("exec", NAME, "echo", "in") == "in"
        assert tracers(init) == {0}
        assert docker("inspect", "--format", "{{.State.Running}}", NAME) == "true"


def test_docker_exec_works_while_a_tracee_is_stopped(tmp_path: Path) -> None:
    with container(command=SLEEP) as init, TracerClient() as tracer:
        tracer.seize(init)
        os.kill(init, signal.SIGSTOP)
        assert docker("exec", NAME, "echo", "in") == "in"
