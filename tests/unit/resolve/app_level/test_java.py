"""Settings and tools of Java's runtime."""

from __future__ import annotations

import pytest

from tests.elves import elf
from tests.unit.resolve.app_level.test_rules import added
from tests.unit.resolve.test_plan import Tree

HOME = "/usr/lib/jvm/java-17"
TREE: Tree = {
    f"{HOME}/lib/server/libjvm.so": elf(), f"{HOME}/lib/modules": "x" * (3 << 20), f"{HOME}/lib/tzdb.dat": "x", f"{HOME}/lib/security/cacerts": "-> /etc/java/cacerts",
    f"{HOME}/conf/net.properties": "-> /etc/java/net.properties", "/etc/java/net.properties": "x", "/etc/java/cacerts": "x", "/etc/java/other": "x",
    f"{HOME}/bin/keytool": elf(), f"{HOME}/release": "x", f"{HOME}/lib/ct.sym": "x", f"{HOME}/lib/src.zip": "x", f"{HOME}/lib/libx.a": "x", f"{HOME}/legal/x": "x", f"{HOME}/jmods/x": "x",
}  # fmt: skip
KEPT = [
    "/etc/java/cacerts", "/etc/java/net.properties", f"{HOME}/bin/keytool", f"{HOME}/conf/net.properties", f"{HOME}/lib/security/cacerts", f"{HOME}/lib/tzdb.dat",
    f"{HOME}/release",
]  # fmt: skip


@pytest.mark.parametrize(("access", "kept"), [(f"{HOME}/lib/server/libjvm.so", KEPT), (f"{HOME}/lib/tzdb.dat", [])])
def test_runtime(access: str, kept: list[str]) -> None:
    assert added("java", TREE, access) == kept
