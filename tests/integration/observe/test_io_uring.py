"""io_uring opens files without a system call that ptrace could see; the watcher sees them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from docker_slim_plugin.observe.watcher.watcher import open_watcher
from tests.tracing import compile_c, traced

pytestmark = pytest.mark.integration

URING = """
#include <linux/io_uring.h>
"""
BODY = """
int main(int argc, char **argv) {
    struct io_uring_params p = {0};
    int ring = syscall(SYS_io_uring_setup, 4, &p);
    if (ring < 0) return 77;
    char *sq = mmap(0, p.sq_off.array + p.sq_entries * 4, 3, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
    struct io_uring_sqe *e = mmap(0, p.sq_entries * sizeof *e, 3, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
    memset(e, 0, sizeof *e);
    e->opcode = IORING_OP_OPENAT;
    e->fd = AT_FDCWD;
    e->addr = (unsigned long)argv[1];
    e->open_flags = O_RDONLY;
    ((unsigned *)(sq + p.sq_off.array))[0] = 0;
    __atomic_store_n((unsigned *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
    return syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) == 1 ? 0 : 1;
}"""


def test_a_file_opened_by_io_uring(tmp_path: Path) -> None:
    target = tmp_path / "by-io-uring"
    target.write_text("x", encoding="ascii")
    program = compile_c(tmp_path, BODY, headers=URING)
    with open_watcher(os.getpid(), "fanotify") as watch:
        found = traced(tmp_path, [program, target])
        assert found.status == 0, "this kernel refuses io_uring" if found.status == 77 else "io_uring failed"
        deadline = time.monotonic() + 5
        while str(target) not in {access.path for access in watch.accesses()} and time.monotonic() < deadline:
            watch.drain()
    assert str(target) in {access.path for access in watch.accesses()}
    assert str(target) not in found.paths()
