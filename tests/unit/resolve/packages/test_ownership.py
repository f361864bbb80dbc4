"""Package databases, the filtered database, units and layer groups."""

from __future__ import annotations

from dataclasses import replace

import pytest

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.plan import Group
from docker_slim_plugin.resolve.layer_groups import assign_groups
from docker_slim_plugin.resolve.packages import ownership
from docker_slim_plugin.resolve.packages.package_units import PackageUnits
from docker_slim_plugin.rootfs.index import Rootfs
from tests.rootfs import rootfs

STATUS = """Package: bash
Essential: yes
Status: install ok installed
Priority: required
Architecture: amd64
Depends: libc6 (>= 2.36) | other, debianutils
Conffiles:
 /etc/bash.bashrc 89269e1298235f1b12b4c16e4065ad0d
 /opt/a conf 89269e1298235f1b12b4c16e4065ad0d obsolete

Package: libc6
Status: install ok installed
Priority: optional
Multi-Arch: same
Architecture: amd64

Package: nginx
Status: install ok installed
Priority: optional
Architecture: amd64
Description: web
 server
"""
DPKG: dict[str, str | bytes | Entry] = {
    "/bin": "-> usr/bin",
    "/usr/bin/bash": "x",
    "/usr/bin/sh": "-> bash",
    "/usr/sbin/nginx": "x",
    "/usr/share/doc/nginx/copyright": "x",
    "/lib/libc.so.6": "x",
    "/etc/bash.bashrc": "x",
    "/opt/a conf": "x",
    "/app/main": "x",
    "/var/lib/dpkg/status": STATUS,
    "/var/lib/dpkg/info/bash.list": "/.\n/bin\n/bin/bash\n/etc/bash.bashrc\n/opt/a conf\n/gone\n",
    "/var/lib/dpkg/info/libc6:amd64.list": "/.\n/lib\n/lib/libc.so.6\n",
    "/var/lib/dpkg/info/nginx.list": "/usr/sbin/nginx\n/usr/share/doc/nginx/copyright\nrelative\n\n",
}
APK = """C:Q1
P:musl
V:1.2
F:lib
R:ld-musl-x86_64.so.1
p:so:libc.musl-x86_64.so.1=1

P:busybox
D:so:libc.musl-x86_64.so.1 zlib>=1 !conflict
F:bin
R:busybox

P:zlib
F:lib
R:libz.so.1

P:curl
F:usr/bin
R:curl
F:
R:top

"""


def test_dpkg() -> None:
    found = ownership.read(rootfs(DPKG))
    assert found.system == "dpkg"
    assert found.owners["/usr/bin/bash"] == "bash"  # type: ignore[index]
    assert found.owners["/lib/libc.so.6"] == "libc6:amd64"  # type: ignore[index]
    assert "/app/main" not in found.owners
    assert "/bin" not in found.owners or found.owners["/bin"] == "bash"  # type: ignore[index]
    assert found.base == {"bash", "libc6:amd64"}
    assert found.conffiles == {"/etc/bash.bashrc", "/opt/a conf"}
    assert found.files("libc6") == ["/lib/libc.so.6"]
    assert found.files("unknown") == []


def test_an_entry_has_all_but_the_long_description() -> None:
    entries = [ownership.shorten_description(entry) for _, entry in ownership.read(rootfs(DPKG)).stanzas]
    short = STATUS.replace("Description: web\n server\n", "Description: web\n")
    assert b"".join(entries).strip() == short.strip().encode()


def test_what_follows_a_long_description_stays() -> None:
    long = STATUS.replace(" server\n", " served\n .\n and well\nHomepage: x\n")
    found = ownership.read(rootfs(DPKG | {"/var/lib/dpkg/status": long})).stanzas[-1][1]
    assert ownership.shorten_description(found).endswith(b"\nDescription: web\nHomepage: x\n\n")


def test_apk() -> None:
    tree = rootfs({
        "/lib/ld-musl-x86_64.so.1": "x", "/lib/libz.so.1": "x", "/bin/busybox": "x", "/usr/bin/curl": "x", "/top": "x",
        "/lib/apk/db/installed": APK,
    })  # fmt: skip
    found = ownership.read(tree)
    assert found.system == "apk"
    assert found.owners == {
        "/lib/ld-musl-x86_64.so.1": "musl", "/lib/libz.so.1": "zlib", "/bin/busybox": "busybox",
        "/usr/bin/curl": "curl", "/top": "curl",
    }  # fmt: skip
    assert found.base == {"musl", "busybox", "zlib"}
    assert dict(found.stanzas)["zlib"] == b"P:zlib\nF:lib\nR:libz.so.1\n\n"


def test_distroless() -> None:
    tree = rootfs({
        "/usr/lib/libssl.so.3": "x",
        "/var/lib/dpkg/status.d/libssl3": "Package: libssl3\n",
        "/var/lib/dpkg/status.d/libssl3.md5sums": "d41d8cd98f00b204e9800998ecf8427e  usr/lib/libssl.so.3\n",
    })  # fmt: skip
    found = ownership.read(tree)
    assert (found.system, found.owners) == ("distroless", {"/usr/lib/libssl.so.3": "libssl3"})


@pytest.mark.parametrize("name", ["/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/Packages.db"])
def test_rpm_is_recognised(name: str) -> None:
    found = ownership.read(rootfs({name: "db"}))
    assert (found.system, found.database) == ("rpm", (name,))


def test_no_database() -> None:
    assert ownership.read(rootfs({"/app": "x"})) == ownership.Packages()


def test_groups() -> None:
    tree = rootfs(DPKG | {"/app/empty/": "", "/spare/": ""})
    found = assign_groups(tree, tuple(tree.entries), ownership.read(tree))
    expected = {
        "/": Group.BASE, "/usr/bin/bash": Group.BASE, "/usr/bin": Group.BASE, "/bin": Group.BASE,
        "/usr/sbin/nginx": Group.RUNTIME, "/usr/sbin": Group.RUNTIME, "/usr/bin/sh": Group.BASE,
        "/app/main": Group.APP, "/app": Group.APP, "/app/empty": Group.APP, "/spare": Group.BASE,
        "/etc/bash.bashrc": Group.CONFIG, "/etc": Group.CONFIG, "/opt/a conf": Group.CONFIG,
    }  # fmt: skip
    assert {path: found[RootPath(path)] for path in expected} == expected


def test_names_of_one_file_stay_together() -> None:
    tree = rootfs(DPKG)
    linked = {path: replace(tree.entries[RootPath(path)], inode=5, links=2) for path in ("/usr/bin/bash", "/app/main")}
    tree = Rootfs.of([*(e for e in tree.entries.values() if e.path not in linked), *linked.values()], tree.reader)
    assert assign_groups(tree, tuple(tree.entries), ownership.read(tree))[RootPath("/app/main")] is Group.BASE


def test_bytecode_goes_with_its_source() -> None:
    tree = rootfs(DPKG | {"/usr/bin/__pycache__/bash.cpython-311.pyc": "x", "/usr/bin/bash.py": "x",
                          "/var/lib/dpkg/info/py.list": "/usr/bin/bash.py"})  # fmt: skip
    found = assign_groups(tree, tuple(tree.entries), ownership.read(tree))
    assert found[RootPath("/usr/bin/__pycache__/bash.cpython-311.pyc")] is Group.RUNTIME


UNITS: dict[str, str | bytes | Entry] = DPKG | {
    "/v/lib/site-packages/flask/app.py": "x",
    "/v/lib/site-packages/flask/data/x": "x",
    "/v/lib/site-packages/flask-3.dist-info/RECORD": 'flask/app.py,sha256=x,1\n../../bin/flask,,\n"a ""b",,\n\n',
    "/v/bin/flask": "x",
    "/v/lib/site-packages/loose/a.py": "x",
    "/v/lib/site-packages/loose/b.py": "x",
    "/app/node_modules/@s/mod/index.js": "x",
    "/app/node_modules/@s/mod/node_modules/inner/a.js": "x",
    "/app/node_modules/@s/mod/lib/b.js": "x",
    "/g/gems/rack-2.2/lib/rack.rb": "x",
    "/g/gems/rack-2.2/README": "x",
    "/g/specifications/rack-2.2.gemspec": "x",
}


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/usr/sbin/nginx", ["/usr/sbin/nginx", "/usr/share/doc/nginx/copyright"]),
        ("/v/lib/site-packages/flask/app.py", ["/v/bin/flask", "/v/lib/site-packages/flask/app.py"]),
        ("/v/lib/site-packages/loose/a.py", ["/v/lib/site-packages/loose/a.py", "/v/lib/site-packages/loose/b.py"]),
        ("/app/node_modules/@s/mod/node_modules/inner/a.js", ["/app/node_modules/@s/mod/node_modules/inner/a.js"]),
        (
            "/app/node_modules/@s/mod/index.js",
            [
                "/app/node_modules/@s/mod/index.js",
                "/app/node_modules/@s/mod/lib/b.js",
                "/app/node_modules/@s/mod/node_modules/inner/a.js",
            ],
        ),
        (
            "/g/gems/rack-2.2/lib/rack.rb",
            ["/g/gems/rack-2.2/README", "/g/gems/rack-2.2/lib/rack.rb", "/g/specifications/rack-2.2.gemspec"],
        ),
        ("/app/main", []),
    ],
)
def test_units(path: str, unit: list[str]) -> None:
    tree = rootfs(UNITS)
    assert sorted(PackageUnits(tree, ownership.read(tree)).files_of_units([RootPath(path)])) == unit


def test_a_stanza_without_a_name_harms_nothing() -> None:
    tree = rootfs(DPKG | {"/var/lib/dpkg/status": b"\xff\xfe\n\nPackage:\n\n" + STATUS.encode()})
    assert ownership.read(tree).base == {"bash", "libc6:amd64"}


def test_an_entry_kind_that_is_no_file() -> None:
    fifo = Entry(path=RootPath("/var/lib/dpkg/status"), kind=EntryKind.FIFO, mode=0o600)
    assert ownership.read(rootfs({"/var/lib/dpkg/status": fifo})).stanzas == ()
