"""Which packages an image has, and how much of each is kept."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

import pytest

from docker_slim_plugin.model.entry import Entry
from docker_slim_plugin.model.inventory import Inventory, PackageKind, PackageRecord
from docker_slim_plugin.resolve.inventory.collect import merge_packages, read_inventory
from tests import rpmdb
from tests.archives_of_code import go_program, jar, pom
from tests.rootfs import rootfs

STATUS = """Package: libssl3
Status: install ok installed
Architecture: amd64
Source: openssl (3.0.0-2)
Version: 3.0.0-2+b1

Package: tzdata
Status: install ok installed
Architecture: all
Version: 2026a-1

Package: gone
Status: install ok installed
Architecture: all
Version: 1:2-3

Package: removed
Status: deinstall ok config-files
Architecture: all
Version: 1
"""
DEBIAN: Mapping[str, str | bytes | Entry] = {
    "/etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
    "/var/lib/dpkg/status": STATUS,
    "/var/lib/dpkg/info/libssl3:amd64.list": "/.\n/lib\n/lib/libssl.so\n/lib/libcrypto.so\n/usr/share/doc/libssl3/copyright\n",
    "/var/lib/dpkg/info/tzdata.list": "/usr/share/zoneinfo\n/usr/share/zoneinfo/UTC\n/usr/share/zoneinfo/Europe/Berlin\n",
    "/var/lib/dpkg/info/gone.list": "/lib\n/usr/bin/gone\n",
    "/usr/lib/libssl.so": b"\x7fELF",
    "/usr/lib/libcrypto.so": b"\x7fELF",
    "/lib": "-> usr/lib",
    "/usr/share/doc/libssl3/copyright": "x",
    "/usr/share/zoneinfo/UTC": "TZif",
    "/usr/share/zoneinfo/Europe/Berlin": "TZif",
    "/usr/bin/gone": b"#!/bin/sh\n",
    "/app": "x",
}


def inventory(tree: Mapping[str, str | bytes | Entry], kept: Collection[str], *, all_archives: bool = False) -> Inventory:
    return read_inventory(rootfs(tree), tuple(kept), all_archives=all_archives)


def by_name(found: Inventory) -> dict[str, PackageRecord]:
    return {one.name: one for one in found.packages}


def test_dpkg() -> None:
    found = inventory(DEBIAN, ("/lib", "/usr/lib/libssl.so", "/usr/share/zoneinfo/UTC", "/app", "/var/lib/dpkg/status"))
    packages = by_name(found)
    assert set(packages) == {"libssl3", "tzdata", "gone"}
    assert found.distribution == ("debian", "12")
    ssl = packages["libssl3"]
    assert (ssl.kind, ssl.version, ssl.architecture, ssl.upstream) == (PackageKind.DEB, "3.0.0-2+b1", "amd64", "openssl@3.0.0-2")
    assert (ssl.kept, ssl.files, ssl.is_present, ssl.may_have_code, ssl.is_whole) == (1, 3, True, True, False)
    assert (packages["tzdata"].kept, packages["tzdata"].files, packages["tzdata"].may_have_code) == (1, 2, False)
    # The symlink /lib is a directory of its file list.
    assert (packages["gone"].kept, packages["gone"].files, packages["gone"].is_present) == (0, 1, False)
    assert found.present == (ssl, packages["tzdata"])
    assert found.unowned == ("/app", "/var/lib/dpkg/status")


def test_documentation_does_not_make_a_package_present() -> None:
    ssl = by_name(inventory(DEBIAN, ("/usr/share/doc/libssl3/copyright",)))["libssl3"]
    assert (ssl.kept, ssl.is_present, ssl.may_have_code) == (1, False, False)


def test_a_compiled_module_belongs_to_the_package_of_its_source() -> None:
    tree = {
        "/var/lib/dpkg/status": "Package: x\nStatus: install ok installed\nVersion: 1\n",
        "/var/lib/dpkg/info/x.list": "/usr/lib/python3/x.py\n",
        "/usr/lib/python3/x.py": "x",
        "/usr/lib/python3/__pycache__/x.cpython-311.pyc": b"x",
    }
    found = inventory(tree, ("/usr/lib/python3/__pycache__/x.cpython-311.pyc",))
    assert by_name(found)["x"].may_have_code
    assert found.unowned == ()


def test_distroless() -> None:
    tree = {
        "/var/lib/dpkg/status.d/base": "Package: base-files\nVersion: 12\nArchitecture: amd64\n",
        "/var/lib/dpkg/status.d/base.md5sums": f"{'0' * 32}  etc/host.conf\n",
        "/etc/host.conf": "x",
    }
    (one,) = inventory(tree, ("/etc/host.conf",)).packages
    assert (one.kind, one.name, one.version, one.is_present, one.is_whole) == (PackageKind.DEB, "base-files", "12", True, True)


def test_apk() -> None:
    tree = {
        "/lib/apk/db/installed": "P:libcrypto3\nV:3.1-r0\nA:x86_64\nL:Apache-2.0\no:openssl\nF:lib\nR:libcrypto.so\n\nP:musl\nA:x86_64\nF:lib\nR:ld.so\n\n",
        "/lib/libcrypto.so": b"\x7fELF",
        "/lib/ld.so": b"\x7fELF",
    }
    packages = by_name(inventory(tree, ("/lib/libcrypto.so", "/lib/ld.so")))
    crypto = packages["libcrypto3"]
    assert (crypto.version, crypto.upstream, crypto.licences, crypto.is_whole) == ("3.1-r0", "openssl", ("Apache-2.0",), True)
    # Without a version it is in, with a note.
    assert packages["musl"].is_present
    assert (packages["musl"].version, bool(packages["musl"].note)) == ("", True)


def test_rpm() -> None:
    tree = {"/var/lib/rpm/rpmdb.sqlite": rpmdb.database({"bash": ["/bin/bash", "/etc/bash"]}), "/bin/bash": b"\x7fELF", "/etc/bash": "x"}
    (one,) = inventory(tree, ("/bin/bash",)).packages
    assert (one.kind, one.name, one.version, one.architecture, one.kept, one.files) == (PackageKind.RPM, "bash", "1-1", "x86_64", 1, 2)


def test_a_database_that_cannot_be_read_is_said() -> None:
    found = inventory({"/var/lib/rpm/Packages": "x", "/bin/x": "x"}, ("/bin/x",))
    assert found.packages == ()
    assert "rpm database" in found.notes[0]
    assert found.unowned == ("/bin/x",)


SITE = "/opt/site-packages"
PYTHON: Mapping[str, str | bytes | Entry] = {
    f"{SITE}/flask/__init__.py": "x",
    f"{SITE}/flask/app.py": "x",
    f"{SITE}/Flask-2.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: Flask\nVersion: 2.0\nLicense: BSD\nLicense-Expression: BSD-3-Clause\n\nVersion: 9\n",
    f"{SITE}/Flask-2.0.dist-info/RECORD": "flask/__init__.py,,\nflask/app.py,,\nFlask-2.0.dist-info/METADATA,,\nFlask-2.0.dist-info/RECORD,,\n",
    f"{SITE}/old.egg-info": "Name: old\nVersion: 1\nClassifier: License :: OSI Approved :: MIT License\n",
    f"{SITE}/old.py": "x",
    f"{SITE}/broken-3.dist-info/METADATA": "",
    f"{SITE}/broken-3.dist-info/RECORD": "broken.py,,\n",
    f"{SITE}/broken.py": "x",
}


def test_python() -> None:
    packages = by_name(inventory(PYTHON, (f"{SITE}/flask/app.py", f"{SITE}/broken.py")))
    flask = packages["Flask"]
    assert (flask.version, flask.licences, flask.kept, flask.files, flask.is_present) == ("2.0", ("BSD-3-Clause",), 1, 4, True)
    old = packages["old"]
    assert (old.version, old.licences, old.is_present, old.has_file_list) == ("1", ("MIT License",), False, False)
    assert (packages["broken"].version, packages["broken"].is_present, bool(packages["broken"].note)) == ("", True, True)


def test_metadata_alone_does_not_make_a_package_present() -> None:
    found = inventory(PYTHON, (f"{SITE}/Flask-2.0.dist-info/METADATA",))
    assert found.present == ()
    assert (by_name(found)["Flask"].kept, by_name(found)["Flask"].may_have_code) == (1, False)


def test_node() -> None:
    tree = {
        "/app/package.json": json.dumps({"name": "shop", "license": {"type": "MIT"}}),
        "/app/server.js": "x",
        "/app/node_modules/@a/b/package.json": json.dumps({"name": "@a/b", "version": "1.0.0", "license": "(MIT OR ISC)"}),
        "/app/node_modules/@a/b/index.js": "x",
        "/app/node_modules/@a/b/README.md": "x",
        "/app/node_modules/@a/b/node_modules/c/package.json": json.dumps({"name": "c", "version": "2.0.0"}),
        "/app/node_modules/@a/b/node_modules/c/index.js": "x",
        "/app/node_modules/d/package.json": "{",
        "/app/node_modules/d/index.js": "x",
    }
    kept = ("/app/server.js", "/app/node_modules/@a/b/index.js", "/app/node_modules/d/index.js")
    packages = by_name(inventory(tree, kept))
    assert (packages["@a/b"].version, packages["@a/b"].licences, packages["@a/b"].kept, packages["@a/b"].files) == ("1.0.0", ("(MIT OR ISC)",), 1, 3)
    assert (packages["c"].is_present, packages["c"].kept) == (False, 0)
    assert (packages["shop"].version, packages["shop"].licences, packages["shop"].is_present) == ("", ("MIT",), True)
    assert (packages["d"].version, packages["d"].is_present) == ("", True)


def test_gems() -> None:
    home = "/var/lib/gems/3.1.0"
    tree = {
        f"{home}/specifications/rack-2.2.4.gemspec": '# stub: rack 2.2.4 ruby lib\nGem::Specification.new do |s|\n  s.name = "rack".freeze\n  s.licenses = ["MIT".freeze, "X".freeze]\nend\n',
        f"{home}/gems/rack-2.2.4/lib/rack.rb": "x",
        f"{home}/specifications/plain-1.gemspec": "Gem::Specification.new do |s|\n  s.name = 'plain'\n  s.version = '1'\nend\n",
        f"{home}/gems/plain-1/lib/plain.rb": "x",
    }
    packages = by_name(inventory(tree, (f"{home}/gems/rack-2.2.4/lib/rack.rb",)))
    assert (packages["rack"].version, packages["rack"].licences, packages["rack"].kept, packages["rack"].is_present) == ("2.2.4", ("MIT", "X"), 1, True)
    assert (packages["plain"].version, packages["plain"].is_present) == ("1", False)


def test_archives() -> None:
    tree = {
        "/app.jar": jar(pom("org.a", "app", "1.0")),
        "/lib.jar": jar(pom("org.a", "lib", "2.0")),
        "/bin/server": go_program("path\tx/y\nmod\tx/y\t(devel)\t\ndep\tgolang.org/x/net\tv0.1.0\th1:x\n"),
    }
    found = inventory(tree, ("/app.jar", "/bin/server"))
    assert {(one.kind.value, one.name, one.version) for one in found.present} == {
        ("maven", "app", "1.0"), ("golang", "x/y", ""), ("golang", "golang.org/x/net", "v0.1.0"), ("golang", "stdlib", "1.22.1"),
    }  # fmt: skip
    assert found.unowned == ()
    assert set(by_name(inventory(tree, ("/app.jar",), all_archives=True))) == {"app", "lib", "x/y", "golang.org/x/net", "stdlib"}


@pytest.mark.parametrize(
    ("path", "content", "is_code"),
    [
        ("/etc/ssl/certs/a.pem", "-----", False),
        ("/usr/share/zoneinfo/UTC", "TZif", False),
        ("/usr/share/doc/x/copyright", "x", False),
        ("/usr/share/doc/x/examples/run", "x", True),
        ("/x.png", b"\x7fELF", True),
        ("/x.txt", "#!/bin/sh", True),
        ("/x.txt", "", False),
        ("/x.so", "x", True),
        ("/etc/bash.bashrc", "x", True),
        ("/x.py", "", False),
    ],
)
def test_only_what_is_certainly_data_is_no_code(path: str, content: str | bytes, is_code: bool) -> None:
    tree = {"/var/lib/dpkg/status": "Package: x\nStatus: install ok installed\nVersion: 1\n", "/var/lib/dpkg/info/x.list": f"{path}\n", path: content}
    assert by_name(inventory(tree, (path,)))["x"].may_have_code == is_code


def test_one_of_several_copies_with_code_is_enough() -> None:
    one, other = (
        PackageRecord(kind=PackageKind.NPM, name="x", version="1", kept=kept, files=9, is_present=present, may_have_code=code)
        for kept, present, code in ((3, True, False), (1, False, True))
    )
    for order in ((one, other), (other, one)):
        (merged,) = merge_packages(order)
        assert (merged.is_present, merged.may_have_code, merged.kept) == (True, True, 3)


def test_names_are_one_bounded_line() -> None:
    tree = {"/app/node_modules/x/package.json": json.dumps({"name": "a\x1b[31m\nb" + "c" * 999, "version": "1"}), "/app/node_modules/x/x.js": "x"}
    (one,) = inventory(tree, ("/app/node_modules/x/x.js",)).packages
    assert one.name.startswith("a\\x1b[31m\\nb")
    assert len(one.name) < 400
