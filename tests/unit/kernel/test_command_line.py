"""Arguments of a process, of which a long line has the whole ones only."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from docker_slim_plugin.kernel.syscalls import argv0, command_line

SCRIPT = "print(flush=True); input()"
FIRST = ("python", "-c", SCRIPT)
USED = sum(len(one) + 1 for one in FIRST)


@contextmanager
def running(*argv: str) -> Iterator[int]:
    with subprocess.Popen(argv, executable=sys.executable, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param(("a", ""), ("a", ""), id="short"),
        pytest.param(("x" * (1024 - USED - 1),), ("x" * (1024 - USED - 1),), id="all that fits"),
        pytest.param(("x" * (1024 - USED),), ("...",), id="without its NUL"),
        pytest.param(("x" * (1024 - USED - 1), "y"), ("x" * (1024 - USED - 1), "..."), id="one more"),
        pytest.param(("a", "secret" * 250), ("a", "..."), id="a long value"),
        pytest.param(("x" * (1024 - USED - 9), "secret-across-the-edge"), ("x" * (1024 - USED - 9), "..."), id="across the edge"),
    ],
)
def test_a_cut_argument_is_left_out(more: tuple[str, ...], expected: tuple[str, ...]) -> None:
    with running(*FIRST, *more) as pid:
        assert command_line(pid) == (*FIRST, *expected)


def test_a_long_name() -> None:
    with running("n" * 300, *FIRST[1:]) as pid:
        assert (argv0(pid), command_line(pid)[1:]) == ("...", FIRST[1:])
    with running(*FIRST, "y" * 300) as pid:
        assert argv0(pid) == "python"


def test_one_that_has_ended() -> None:
    assert command_line(1 << 30) == ()
