"""Hostile apps: endless paths and processes need bounded time and memory, and lost accesses are reported."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from docker_slim_plugin.observe.tracer import client
from tests.integration.observe.test_exec_attach import docker, traced_container
from tests.integration.observe.test_existing_processes import tracers, wait_until
from tests.tracing import compile_c, traced

pytestmark = pytest.mark.integration

SECONDS = 3.0
TRACER_BYTES, OUR_BYTES = 150 * 1024**2, 100 * 1024**2


def memory(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)


@pytest.mark.parametrize(("known", "lost"), [(True, True), (False, False)], ids=["of the image", "of nowhere"])
def test_an_endless_number_of_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool, lost: bool) -> None:
    monkeypatch.setattr(client, "MAX_ACCESSES", 2000)
    program = compile_c(tmp_path, 'char n[99]; for (long i = 0;; i++) { sprintf(n, "/x/storm/%ld", i); access(n, 0); }')
    before = memory(os.getpid())
    used = []

    def watch(pid: int) -> None:
        time.sleep(SECONDS)
        used.append(memory(next(iter(tracers(pid)))))
        os.kill(pid, 9)

    started = time.monotonic()
    found = traced(tmp_path, [program], during=watch, exists=lambda _: known)
    assert time.monotonic() - started < 10 * SECONDS
    assert used[0] < TRACER_BYTES
    assert memory(os.getpid()) - before < OUR_BYTES
    assert len(found.accesses) <= 2000
    assert (found.lost > 0, found.tracer.dropped > 0) == (lost, not known)


def test_an_endless_number_of_processes_in_a_container(tmp_path: Path) -> None:
    with traced_container(tmp_path, "--pids-limit=50") as tracer:
        docker("exec", "--detach", "docker-slim-test-exec", "sh", "-c", "b() { /bin/true; b | b & }; b")
        assert wait_until(lambda: tracer.events > 200)
        time.sleep(SECONDS)
        used = memory(tracer._process.pid)
        started = time.monotonic()
        docker("kill", "docker-slim-test-exec")
        assert tracer.wait(lambda: bool(tracer.wait_statuses), 20)
        assert time.monotonic() - started < 20
        assert used < TRACER_BYTES
        assert not tracer.has_exited


def test_a_seccomp_filter_of_the_app_does_not_mislead_the_tracer(tmp_path: Path) -> None:
    """With SECCOMP_RET_TRACE and its own return data an app can produce arbitrary seccomp stops."""
    body = """
    struct sock_filter f[] = { {0x20, 0, 0, 0}, {0x15, 0, 1, SYS_openat}, {6, 0, 0, 0x7ff0ffff}, {6, 0, 0, 0x7fff0000} };
    struct sock_fprog p = { 4, f };
    if (syscall(SYS_seccomp, 1, 0, &p)) return 1;
    open("/x/misled", 0); return 6;"""
    headers = "#include <linux/filter.h>\n#include <linux/seccomp.h>\n"
    found = traced(tmp_path, [compile_c(tmp_path, body, headers=headers)])
    assert found.status == 6
    assert "/x/misled" in found.paths()
