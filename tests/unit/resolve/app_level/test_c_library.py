"""What glibc loads by name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.elves import elf
from tests.observed import execution
from tests.unit.resolve.app_level.test_rules import added, status
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


def test_character_sets(tmp_path: Path) -> None:
    (tmp_path / "p.c").write_text("#include <iconv.h>\nint main(void) { return iconv_open(0, 0) == 0; }\n")
    subprocess.run(["gcc", "-w", "-o", tmp_path / "p", tmp_path / "p.c"], check=True, capture_output=True)
    program = (tmp_path / "p").read_bytes()
    gconv = f"{LIB}/gconv"
    tree: Tree = {
        "/usr/bin/convert": program, "/usr/lib/app/module.so": program, "/bin/base": program, "/usr/bin/other": elf(), f"{LIB}/libx.so.1": program,
        f"{LIB}/libc.so.6": elf(), f"{gconv}/gconv-modules.cache": "x", f"{gconv}/SJIS.so": "x", f"{gconv}/libJIS.so": "x", f"{gconv}/EBCDIC-US.so": "x",
        "/var/lib/dpkg/status": status(base_="Essential: yes\n"), "/var/lib/dpkg/info/base.list": "/bin/base\n",
    }  # fmt: skip
    kept = [f"{gconv}/SJIS.so", f"{gconv}/gconv-modules.cache", f"{gconv}/libJIS.so"]
    libc = f"{LIB}/libc.so.6"
    assert added("charsets", tree, execution("/usr/bin/convert"), libc) == kept
    assert added("charsets", tree, "/usr/lib/app/module.so", libc) == kept
    assert added("charsets", tree, "/usr/bin/convert", f"{LIB}/libx.so.1", execution("/bin/base"), execution("/usr/bin/other"), libc) == []
