"""Small C programs under the real tracer, on the real kernel."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from docker_slim_plugin.engine.gate import GATE_NAME, GATES, find_gate
from docker_slim_plugin.model.observation import Access, AccessKind
from docker_slim_plugin.observe.tracer.client import TracerClient

INCLUDES = """
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
extern char **environ;
"""
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Traced:
    """The tracer's observations of one program."""

    accesses: tuple[Access, ...]
    status: int
    """Exit status, negative for a signal."""
    lost: int
    output: bytes
    tracer: TracerClient

    def paths(self, kind: AccessKind | None = None) -> set[str]:
        return {access.path for access in self.accesses if kind in (None, access.kind)}


def compile_c(directory: Path, body: str, *options: str, name: str = "program", headers: str = "") -> Path:
    """Compile a main() of `body` (or whole functions with main() in it) and return the program."""
    main = body if "int main" in body else f"int main(int argc, char **argv) {{ {body}\n return 0; }}"
    program = directory / name
    command = ["gcc", "-w", "-O1", "-x", "c", "-o", str(program), "-", *options]
    subprocess.run(command, input=(headers + INCLUDES + main).encode(), check=True)
    return program


def gate_in(directory: Path) -> Path:
    gate = directory / GATE_NAME
    if not gate.exists():
        gate.write_bytes(GATES[os.uname().machine].elf())
        gate.chmod(0o755)
    return gate


def traced(
    directory: Path,
    argv: Sequence[str | Path],
    *,
    use_filter: bool = True,
    during: Callable[[int], None] | None = None,
    exists: Callable[[str], bool] | None = None,
    uses: bool = False,
) -> Traced:
    """Run argv from the gate under the tracer until it ends; `during` is called with its pid after the release."""
    command = [gate_in(directory), *argv]
    with TracerClient(use_filter=use_filter, uses=uses) as tracer:
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=directory, start_new_session=True) as process:
            pid = find_gate(process.pid, time.monotonic() + SECONDS)
            assert pid is not None
            if exists:
                tracer.set_path_filter(exists)
            tracer.attach(pid)
            if during:
                during(pid)
            assert process.stdout is not None
            output = process.stdout.read()
            assert tracer.wait(lambda: pid in tracer.wait_statuses, SECONDS)
            status = os.waitstatus_to_exitcode(tracer.wait_statuses[pid])
            assert process.wait() == status
        return Traced(tracer.accesses(), status, tracer.lost, output, tracer)
