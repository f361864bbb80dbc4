"""The presets: when they speak up, and what they say."""

from __future__ import annotations

import pytest

from docker_slim_plugin.model import Access, AccessKind, Origin, Process
from docker_slim_plugin.resolve import hints
from tests.rootfs import rootfs

GLIBC = "/lib/x86_64-linux-gnu/libc.so.6"
TREE: dict[str, str | bytes] = {
    "/etc/nsswitch.conf": "passwd: files systemd # dns\nhosts: files mymachines\n",
    "/usr/lib/locale/C.utf8/LC_CTYPE": "x",
    "/usr/lib/locale/en_US.utf8/LC_CTYPE": "x",
    "/etc/ssl/certs/ab.0": "-> x.crt",
    "/etc/ssl/certs/x.crt": "x",
}


def wanted(
    *kept: str, off: set[str] | None = None, asked: tuple[tuple[str, AccessKind], ...] = (), **environment: str
) -> dict[str, set[str]]:
    accesses = tuple(Access(path, kind, Origin.PTRACE, Process(1, "app")) for path, kind in asked)
    tree = rootfs(TREE)
    facts = hints.facts(tree, accesses, environment)
    facts = hints.Facts(tree, dict.fromkeys(kept), environment, facts.certificates_listed, facts.tls_named)  # type: ignore[arg-type]
    found: dict[str, set[str]] = {}
    for need in hints.needs(facts, frozenset(off or ())):
        found.setdefault(need.reason.by, set()).add(need.path)
    return found


def test_names() -> None:
    assert sorted(hints.HINTS) == ["certs", "locale", "nss", "os-release", "pkgdb", "tz"]


def test_a_static_program_gets_users_but_no_name_services() -> None:
    found = wanted("/app")
    assert found["nss"] == {"/etc/passwd", "/etc/group"}
    assert "locale" not in found
    assert "certs" not in found


def test_only_modules_that_nsswitch_names() -> None:
    found = {path for path in wanted(GLIBC)["nss"] if "libnss" in path}
    assert found == {"/lib/x86_64-linux-gnu/libnss_files.so.2"}


@pytest.mark.parametrize("name", sorted(set(hints.HINTS) - {"pkgdb"}))
def test_each_can_be_turned_off(name: str) -> None:
    kept = (GLIBC, "/usr/lib/libssl.so.3")
    assert name in wanted(*kept, LANG="C.UTF-8")
    assert name not in wanted(*kept, off={name}, LANG="C.UTF-8")


def test_certificates_for_those_who_speak_tls() -> None:
    assert "/etc/ssl/certs/ca-certificates.crt" in wanted("/usr/lib/libssl.so.3")["certs"]
    assert "/etc/ssl/certs/ca-certificates.crt" in wanted(asked=(("/etc/ssl/cert.pem", AccessKind.STAT),))["certs"]


@pytest.mark.parametrize(
    ("path", "kind", "single"),
    [
        ("/etc/ssl/certs", AccessKind.LIST, True),
        ("/etc/ssl/certs", AccessKind.STAT, False),
        ("/usr/lib/ssl/certs/deadbeef.0", AccessKind.STAT, True),
        ("/etc/ssl/certs/ca-certificates.crt", AccessKind.OPEN, False),
    ],
)
def test_single_certificates_only_when_looked_for(path: str, kind: AccessKind, *, single: bool) -> None:
    assert ("/etc/ssl/certs/x.crt" in wanted(asked=((path, kind),))["certs"]) is single


def test_locales_that_the_environment_names() -> None:
    assert "/usr/lib/locale/en_US.utf8/LC_CTYPE" not in wanted(GLIBC, LANG="C.UTF-8")["locale"]
    found = wanted(GLIBC, LANG="en_US.UTF-8")["locale"]
    assert {"/usr/lib/locale/en_US.utf8/LC_CTYPE", "/usr/lib/locale/locale-archive"} <= found
    assert "/usr/lib/locale/C.utf8/LC_CTYPE" in wanted(GLIBC, LANG="C.UTF-8")["locale"]
    assert "locale" not in {name for name, paths in wanted(GLIBC, LANG="C").items() if paths}


def test_time_zone() -> None:
    assert wanted()["tz"] == {"/etc/localtime", "/etc/timezone"}
    assert "/usr/share/zoneinfo/Europe/Berlin" in wanted(TZ=":Europe/Berlin")["tz"]
