"""Time zones, locales, certificate authorities."""

from __future__ import annotations

import pytest

from docker_slim_plugin.model.observation import Access
from docker_slim_plugin.resolve.app_level import facts, run_options
from tests.elves import elf
from tests.observed import execution
from tests.unit.resolve.app_level.test_rules import added
from tests.unit.resolve.test_plan import Tree

ZONES = "/usr/share/zoneinfo"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def test_zones() -> None:
    tree: Tree = {f"{ZONES}/{name}": "x" for name in ("UTC", "Europe/Berlin", "posix/UTC", "right/UTC", "posixrules")}
    assert added("zones", tree) == [f"{ZONES}/Europe/Berlin", f"{ZONES}/UTC"]
    assert added("zones", {ZONES: "-> zoneinfo"}) == [ZONES]


@pytest.mark.parametrize(
    ("file", "content", "accesses", "is_kept"),
    [
        pytest.param("/lib/libstdc++.so.6.0.33", elf() + b"/tzdata.zi", ["/lib/libstdc++.so.6.0.33"], True, id="a library of C++ that reads it"),
        pytest.param("/lib/libstdc++.so.6.0.30", elf(), ["/lib/libstdc++.so.6.0.30"], False, id="an older one"),
        pytest.param("/app", elf() + b"/tzdata.zi", [execution("/app")], True, id="a static program"),
        pytest.param("/app", elf() + b"/tzdata.zi", ["/app"], False, id="a file that was only opened"),
    ],
)
def test_zones_as_one_text(file: str, content: bytes, accesses: list[str | Access], is_kept: bool) -> None:
    compact = f"{ZONES}/tzdata.zi"
    expected = [f"{ZONES}/UTC", compact] if is_kept else [f"{ZONES}/UTC"]
    assert added("zones", {f"{ZONES}/UTC": "x", compact: "x", file: content}, *accesses) == expected


def test_locales(monkeypatch: pytest.MonkeyPatch) -> None:
    tree: Tree = {"/lib/libc.so.6": elf(), "/usr/lib/locale/C.utf8/x": "12", "/usr/lib/locale/locale-archive": "345"}
    assert added("locales", tree, "/lib/libc.so.6") == ["/usr/lib/locale/C.utf8/x", "/usr/lib/locale/locale-archive"]
    assert added("locales", tree) == []
    monkeypatch.setattr(run_options, "MAX_LOCALES", 4)
    assert added("locales", tree, "/lib/libc.so.6") == ["/usr/lib/locale/C.utf8/x"]


@pytest.mark.parametrize(
    ("content", "accesses", "kept"),
    [
        pytest.param(elf() + b"/etc/ssl/certs", [execution("/app")], [BUNDLE], id="an executed program"),
        pytest.param(elf() + b"/etc/ssl/certs", ["/app"], [], id="a file that was only opened"),
        pytest.param(elf() + b"/etc/ssl/cert", [execution("/app")], [], id="no such name in it"),
        pytest.param("#!/bin/sh\n/etc/ssl/certs", [execution("/app")], [], id="a script"),
        pytest.param(b"", [execution("/app")], [], id="an empty file"),
    ],
)
def test_authorities(content: str | bytes, accesses: list[str | Access], kept: list[str]) -> None:
    assert added("authorities", {"/app": content, BUNDLE: "x"}, *accesses) == kept


@pytest.mark.parametrize("before", [0, 1, 50, 63, 64, 127, 128, 180])
def test_a_name_at_any_place_of_a_program(before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "CHUNK", 64)
    monkeypatch.setattr(facts, "MAX_PROGRAM", 256)
    tree: Tree = {"/app": b"\x7fELF" + bytes(before) + b"ca-certificates.crt" + bytes(90), BUNDLE: "x"}
    assert added("authorities", tree, execution("/app")) == [BUNDLE]
    tree["/app"] = b"\x7fELF" + bytes(256) + b"ca-certificates.crt"
    assert added("authorities", tree, execution("/app")) == []


@pytest.mark.parametrize("home", ["/opt/jdk", "/usr/lib/jvm/java-8/jre", ""])
@pytest.mark.parametrize("place", ["lib/server", "lib/amd64/server"])
def test_java(home: str, place: str) -> None:
    tree: Tree = {f"{home}/{name}": "x" for name in (f"{place}/libjvm.so", "lib/security/cacerts", "lib/security/blocked.certs", "lib/security/default.policy", "lib/x")}
    assert added("authorities", tree, f"{home}/{place}/libjvm.so") == [f"{home}/lib/security/blocked.certs", f"{home}/lib/security/cacerts"]
    assert added("authorities", tree, f"{home}/lib/x") == []
