"""The library by which threads end."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.elves import elf
from tests.unit.resolve.app_level.test_rules import added
from tests.unit.resolve.test_plan import Tree

LIB = "/lib/x86_64-linux-gnu"


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        pytest.param("pthread_exit(0);", [f"{LIB}/libgcc_s.so.1"], id="a thread that ends itself"),
        pytest.param("pthread_cancel(0);", [f"{LIB}/libgcc_s.so.1"], id="a thread that ends another one"),
        pytest.param("pthread_self();", [], id="neither"),
    ],
)
def test_threads(tmp_path: Path, body: str, kept: list[str]) -> None:
    (tmp_path / "p.c").write_text(f"#include <pthread.h>\nint main(void) {{ {body} return 0; }}\n")
    subprocess.run(["gcc", "-w", "-pthread", "-o", tmp_path / "p", tmp_path / "p.c"], check=True, capture_output=True)
    program = (tmp_path / "p").read_bytes()
    tree: Tree = {"/bin/p": program, "/bin/l": "-> gone", f"{LIB}/libc.so.6": elf(), f"{LIB}/libgcc_s.so.1": elf(), "/lib/text": "pthread_exit"}
    assert added("threads", tree, "/bin/p", "/bin/l", "/lib/text", f"{LIB}/libc.so.6") == kept
    assert added("threads", tree, f"{LIB}/libc.so.6") == []
    assert added("threads", {**tree, f"{LIB}/libc.so.6": "-> gone"}, "/bin/p") == []
