"""The presets: when they apply, and which paths they add."""

from __future__ import annotations

from dataclasses import replace

import pytest

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.observation import AccessKind
from docker_slim_plugin.resolve import presets
from tests.observed import access
from tests.rootfs import rootfs

GLIBC = "/lib/x86_64-linux-gnu/libc.so.6"
TREE: dict[str, str | bytes] = {
    "/etc/nsswitch.conf": "passwd: files systemd # dns\nhosts: files mymachines\n",
    "/usr/lib/locale/C.utf8/LC_CTYPE": "x",
    "/usr/lib/locale/en_US.utf8/LC_CTYPE": "x",
    "/etc/ssl/certs/ab.0": "-> x.crt",
    "/etc/ssl/certs/x.crt": "x",
    "/srv/jobs/one.py": "x",
    "/srv/jobs/two.py": "-> one.py",
    "/srv/jobs/deep/three.py": "x",
    "/srv/models/large.bin": b"0" * (256 << 10),
    "/srv/models/small.txt": "x",
    "/srv/current": "-> models/large.bin",
    "/opt/start": "#!/bin/sh\n[ -e x ] || second\n",
    "/bin/second": "#!/bin/sh\n",
    "/usr/lib/app/plugin.so": "x",
    "/usr/lib/app/plugin.conf": "x",
    "/usr/lib/python3.11/json/tool.py": "x",
    "/usr/local/lib/python3.11/site-packages/flask/cli.py": "x",
}
OWNED = frozenset({RootPath("/usr/lib/app/plugin.so")})


def find_preset_paths(
    *kept: str, off: set[str] | None = None, accessed: tuple[tuple[str, AccessKind], ...] = (), **environment: str
) -> dict[str, set[str]]:
    accesses = tuple(access(path, kind) for path, kind in accessed)
    tree = rootfs(TREE)
    facts = replace(presets.gather_facts(tree, accesses, environment, OWNED), kept=dict.fromkeys(kept))  # type: ignore[arg-type]
    found: dict[str, set[str]] = {}
    for need in presets.find_needs(facts, frozenset(off or ())):
        found.setdefault(need.reason.by, set()).add(need.path)
    return found


def test_names() -> None:
    assert sorted(presets.PRESETS) == ["certs", "listed", "locale", "nss", "os-release", "pkgdb", "scripts", "tz"]


def test_a_static_program_gets_users_but_no_name_services() -> None:
    found = find_preset_paths("/app")
    assert found["nss"] == {"/etc/passwd", "/etc/group"}
    assert "locale" not in found
    assert "certs" not in found


def test_only_modules_that_nsswitch_names() -> None:
    found = {path for path in find_preset_paths(GLIBC)["nss"] if "libnss" in path}
    assert found == {"/lib/x86_64-linux-gnu/libnss_files.so.2"}


@pytest.mark.parametrize(("version", "modules"), [("2.33", {"files", "dns", "compat"}), ("2.34", {"compat"})])
def test_no_nss_module_that_glibc_contains(version: str, modules: set[str]) -> None:
    places = {module: f"/lib/x86_64-linux-gnu/libnss_{module}.so.2" for module in ("files", "dns", "compat", "hesiod")}
    switch = {"/etc/nsswitch.conf": "passwd: files compat\nhosts: files dns\nservices: hesiod\n"}
    tree = rootfs(dict.fromkeys(places.values(), "x") | switch | {GLIBC: f"x\0GLIBC_{version}\0"})
    facts = replace(presets.gather_facts(tree, (), {}), kept={RootPath(GLIBC): None})
    paths = {need.path for need in presets.find_needs(facts, frozenset(set(presets.PRESETS) - {"nss"}))}
    assert paths & set(places.values()) == {places[module] for module in modules}


@pytest.mark.parametrize("name", sorted(set(presets.PRESETS) - {"pkgdb"}))
def test_each_can_be_turned_off(name: str) -> None:
    kept = (GLIBC, "/usr/lib/libssl.so.3")
    asked = (("/srv/jobs", AccessKind.OPEN), ("/opt/start", AccessKind.EXEC))
    assert name in find_preset_paths(*kept, accessed=asked, LANG="C.UTF-8")
    assert name not in find_preset_paths(*kept, off={name}, accessed=asked, LANG="C.UTF-8")


def test_certificates_for_programs_with_tls() -> None:
    assert "/etc/ssl/certs/ca-certificates.crt" in find_preset_paths("/usr/lib/libssl.so.3")["certs"]
    assert "/etc/ssl/certs/ca-certificates.crt" in find_preset_paths(accessed=(("/etc/ssl/cert.pem", AccessKind.STAT),))["certs"]


@pytest.mark.parametrize(
    ("path", "kind", "single"),
    [
        ("/etc/ssl/certs", AccessKind.LIST, True),
        ("/etc/ssl/certs", AccessKind.STAT, False),
        ("/usr/lib/ssl/certs/deadbeef.0", AccessKind.STAT, True),
        ("/etc/ssl/certs/ca-certificates.crt", AccessKind.OPEN, False),
    ],
)
def test_single_certificates_only_when_searched(path: str, kind: AccessKind, *, single: bool) -> None:
    assert ("/etc/ssl/certs/x.crt" in find_preset_paths(accessed=((path, kind),))["certs"]) is single


def test_locales_that_the_environment_names() -> None:
    assert "/usr/lib/locale/en_US.utf8/LC_CTYPE" not in find_preset_paths(GLIBC, LANG="C.UTF-8")["locale"]
    found = find_preset_paths(GLIBC, LANG="en_US.UTF-8")["locale"]
    assert {"/usr/lib/locale/en_US.utf8/LC_CTYPE", "/usr/lib/locale/locale-archive"} <= found
    assert "/usr/lib/locale/C.utf8/LC_CTYPE" in find_preset_paths(GLIBC, LANG="C.UTF-8")["locale"]
    assert "locale" not in {name for name, paths in find_preset_paths(GLIBC, LANG="C").items() if paths}


def test_time_zone() -> None:
    assert find_preset_paths()["tz"] == {"/etc/localtime", "/etc/timezone"}
    assert "/usr/share/zoneinfo/Europe/Berlin" in find_preset_paths(TZ=":Europe/Berlin")["tz"]


@pytest.mark.parametrize(
    ("directory", "kind", "names"),
    [
        pytest.param("/srv/jobs", AccessKind.OPEN, {"/srv/jobs/one.py", "/srv/jobs/two.py"}, id="all files in it"),
        pytest.param("/srv/jobs/", AccessKind.STAT, set(), id="looking is not listing"),
        pytest.param("/srv/jobs/one.py", AccessKind.OPEN, set(), id="a file"),
        pytest.param("/srv/models", AccessKind.OPEN, set(), id="a large directory is not taken for its names"),
        pytest.param("/srv", AccessKind.OPEN, {"/srv/current"}, id="a link, with what it leads to"),
        pytest.param("/usr/lib/app", AccessKind.OPEN, {"/usr/lib/app/plugin.conf"}, id="not what packages own"),
        pytest.param("/usr/lib/python3.11/json", AccessKind.OPEN, set(), id="an interpreter's own library"),
        pytest.param("/usr/local/lib/python3.11/site-packages/flask", AccessKind.OPEN, set(), id="a library"),
    ],
)
def test_listed_files(directory: str, kind: AccessKind, names: set[str]) -> None:
    assert find_preset_paths(accessed=((directory, kind),)).get("listed", set()) == names
