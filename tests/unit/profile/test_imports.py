"""Imports of kept files, as the sandbox reads them."""

from __future__ import annotations

from pathlib import Path

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.profile.call_lists import wanted_functions
from docker_slim_plugin.profile.imports import find_imports
from tests.elves import elf
from tests.rootfs import rootfs
from tests.tracing import compile_c


def test_find_imports(tmp_path: Path) -> None:
    program = compile_c(tmp_path, "shm_unlink(0); mknod(0, 0, 0); strlen(argv[0]); return getpid();")
    tree = rootfs(
        {
            "/bin/app": program.read_bytes(),
            "/bin/static": elf(),
            "/lib/ld.so": elf(soname="ld.so"),
            "/bin/script": "#!/bin/sh",
            "/bin/broken": b"\x7fELF" + bytes(60),
            "/bin/short": b"\x7fELF",
            "/bin/link": "-> app",
        }
    )
    found = find_imports(tree, [*tree.entries, RootPath("/absent")], wanted_functions())
    assert {"mknod", "shm_unlink", "getpid"} <= found.by_name().keys()
    assert set(found.by_name().values()) == {"/bin/app"}
    assert "strlen" not in found.by_name()
    assert found.static == ("/bin/static",)


def test_only_wanted_functions(tmp_path: Path) -> None:
    program = compile_c(tmp_path, "return getpid();")
    tree = rootfs({"/bin/app": program.read_bytes()})
    assert find_imports(tree, tuple(tree.entries), ("ptrace",)).functions == ()
