"""Tracing of running processes, and detaching from them: real processes, threads, signals, a real container."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from docker_slim_plugin.model.observation import AccessKind, Origin
from docker_slim_plugin.observe.tracer.cgroup_members import members
from docker_slim_plugin.observe.tracer.client import TracerClient
from tests.tracing import compile_c

pytestmark = pytest.mark.integration

THREADS = """
void *t(void *x) { char n[32]; sprintf(n, "/x/thread%ld", (long)x); for (;;) { access(n, 0); usleep(2000); } }
int main() { pthread_t p; for (long i = 0; i < 4; i++) pthread_create(&p, 0, t, (void *)i); t((void *)9); }"""
LOOP = 'for (;;) { access("/x/loop", 0); usleep(2000); }'


@contextmanager
def running(program: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in its own session, which is killed at the end of the test."""
    with subprocess.Popen([program], stdout=subprocess.PIPE, cwd=program.parent, start_new_session=True) as process:
        time.sleep(0.1)
        try:
            yield process
        finally:
            # Its children, too: it leads a session of its own.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def state(pid: int) -> str:
    """Return the letter of proc_pid_stat(5): T is stopped, t is stopped by a tracer."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]


def tracers(pid: int) -> set[int]:
    """Return the pids of the tracers of the threads of `pid`."""
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text(encoding="utf-8").splitlines()
        found |= {int(line.split()[1]) for line in lines if line.startswith("TracerPid:")}
    return found


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def paths(tracer: TracerClient) -> set[str]:
    return {access.path for access in tracer.accesses()}


def test_all_threads_are_seized_and_detached(tmp_path: Path) -> None:
    wanted = {f"/x/thread{number}" for number in (0, 1, 2, 3, 9)}
    with running(compile_c(tmp_path, THREADS, "-pthread")) as process:
        with TracerClient() as tracer:
            assert tracer.seize(process.pid) == (process.pid,)
            assert len(tracers(process.pid)) == 1
            assert wait_until(lambda: wanted <= paths(tracer))
        assert tracers(process.pid) == {0}
        assert process.poll() is None


def test_existing_files_are_recorded(tmp_path: Path) -> None:
    program = compile_c(tmp_path, 'open("/etc/hostname", 0); for (;;) pause();')
    with running(program) as process, TracerClient() as tracer:
        tracer.seize(process.pid)
        found = {(access.path, access.kind) for access in tracer.accesses() if access.origin is Origin.PROC}
    assert {
        (str(program), AccessKind.EXEC),
        (str(tmp_path), AccessKind.CHDIR),
        ("/etc/hostname", AccessKind.OPEN),
    } <= found
    assert any("libc.so" in path for path, _ in found)


def test_children_of_a_seized_process_are_traced(tmp_path: Path) -> None:
    program = compile_c(tmp_path, 'for (;;) { if (!fork()) { execl("/bin/true", "true", (char*)0); } wait(0); usleep(9000); }')
    with running(program) as process, TracerClient() as tracer:
        tracer.seize(process.pid)
        assert wait_until(lambda: any("ld.so.cache" in path for path in paths(tracer)))
        assert "/bin/true" in paths(tracer)


def test_a_stopped_process_stays_stopped(tmp_path: Path) -> None:
    with running(compile_c(tmp_path, LOOP)) as process:
        process.send_signal(signal.SIGSTOP)
        assert wait_until(lambda: state(process.pid) == "T")
        with TracerClient() as tracer:
            tracer.seize(process.pid)
            assert "/x/loop" not in paths(tracer)
        assert (state(process.pid), tracers(process.pid)) == ("T", {0})
        process.send_signal(signal.SIGCONT)
        assert wait_until(lambda: state(process.pid) in "SR")


def test_a_process_stopped_while_traced_stays_stopped(tmp_path: Path) -> None:
    with running(compile_c(tmp_path, LOOP)) as process:
        with TracerClient() as tracer:
            tracer.seize(process.pid)
            process.send_signal(signal.SIGSTOP)
            assert wait_until(lambda: state(process.pid) in "Tt")
        assert state(process.pid) == "T"


def test_it_outlives_a_tracer_that_is_killed(tmp_path: Path) -> None:
    with running(compile_c(tmp_path, THREADS, "-pthread")) as process:
        with TracerClient() as tracer:
            tracer.seize(process.pid)
            os.kill(next(iter(tracers(process.pid))), signal.SIGKILL)
            assert tracer.wait(lambda: tracer.has_exited, 5)
        assert wait_until(lambda: tracers(process.pid) == {0})
        time.sleep(0.1)
        assert process.poll() is None
        assert state(process.pid) in "SR"


def test_no_signal_is_lost(tmp_path: Path) -> None:
    body = """
    volatile int got; void h(int n) { got++; }
    int main() { signal(SIGRTMIN, h); write(1, "up", 2);
      while (got < 400) { access("/x/signals", 0); usleep(100); } return 5; }"""
    with running(compile_c(tmp_path, body)) as process:
        assert process.stdout is not None
        assert process.stdout.read(2) == b"up"
        with TracerClient() as tracer:
            tracer.seize(process.pid)
            for _ in range(300):
                os.kill(process.pid, signal.SIGRTMIN)
        for _ in range(100):
            os.kill(process.pid, signal.SIGRTMIN)
        assert process.wait(10) == 5


def test_the_end_of_a_seized_process_is_reported(tmp_path: Path) -> None:
    with running(compile_c(tmp_path, "pause();")) as process, TracerClient() as tracer:
        tracer.seize(process.pid)
        process.terminate()
        assert tracer.wait(lambda: process.pid in tracer.wait_statuses, 10)
        assert os.waitstatus_to_exitcode(tracer.wait_statuses[process.pid]) == -signal.SIGTERM


def test_members_without_a_cgroup_are_the_descendants(tmp_path: Path) -> None:
    program = compile_c(tmp_path, "fork(); for (;;) pause();")
    with running(program) as process:
        found = members(process.pid)
        assert found[0] == process.pid
        assert len(found) == 2
    assert members(2**22 + 1) == ()
