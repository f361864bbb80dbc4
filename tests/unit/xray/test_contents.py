"""Findings about the files of an image."""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence
from typing import BinaryIO

import pytest

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.xray import contents
from docker_slim_plugin.xray.contents import Duplicate, SecretFile, examine
from docker_slim_plugin.xray.modes import PrivilegedFile, Shell, WritablePath, read_capabilities
from docker_slim_plugin.xray.units import PackageSize
from tests.certificates import MADE, certificate, pem
from tests.rootfs import rootfs

NET_RAW = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)
STATUS = "Package: app\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n"


def entry(path: str, mode: int = 0o644, size: int = 0, kind: EntryKind = EntryKind.FILE, **more: object) -> Entry:
    return Entry(path=RootPath(path), kind=kind, mode=mode, size=size, **more)  # type: ignore[arg-type]


def with_entries(tree: Rootfs, *entries: Entry) -> Rootfs:
    """Return the tree with other metadata for some files."""
    return Rootfs.of([*{**tree.entries, **{one.path: one for one in entries}}.values()], tree.reader)


def test_duplicates_and_sizes() -> None:
    tree = rootfs({"/a/1": "same content", "/b/2": "same content", "/b/3": "same content", "/c": "other conten", "/e1": "", "/e2": "", "/l": "-> a/1"})
    found = examine(tree)
    assert found.duplicates == (Duplicate(12, ("/a/1", "/b/2", "/b/3")),)
    assert (found.duplicate_size, found.files, found.size) == (24, 7, 4 * 12 + 3)
    assert [one.path for one in found.biggest] == ["/a/1", "/b/2", "/b/3", "/c", "/e1", "/e2", "/l"]
    assert found.unread == ()


def test_hard_links_are_no_duplicates_and_count_once() -> None:
    tree = rootfs({"/1": "same", "/2": "same", "/3": "same"})
    tree = with_entries(tree, entry("/1", size=4, inode=7, links=2), entry("/2", size=4, inode=7, links=2))
    found = examine(tree)
    assert found.duplicates == (Duplicate(4, ("/1", "/3")),)
    assert (found.files, found.size, found.duplicate_size) == (2, 8, 4)


def test_privileged_files() -> None:
    odd = (("security.capability", b"odd"),)
    tree = rootfs({
        "/bin/su": entry("/bin/su", 0o4755, uid=0),
        "/bin/wall": entry("/bin/wall", 0o2755, gid=5),
        "/bin/ping": entry("/bin/ping", 0o755, xattrs=(("security.capability", NET_RAW), ("user.x", b""))),
        "/bin/odd": entry("/bin/odd", 0o755, xattrs=odd),
        "/d": entry("/d", 0o2755, kind=EntryKind.DIRECTORY),
        "/bin/app": entry("/bin/app", 0o755),
    })  # fmt: skip
    assert examine(tree).privileged == (
        PrivilegedFile("/bin/odd", "0755", 0, 0, ("unreadable",), ""),
        PrivilegedFile("/bin/ping", "0755", 0, 0, ("cap_net_raw=ep",), ""),
        PrivilegedFile("/bin/su", "4755", 0, 0, (), ""),
        PrivilegedFile("/bin/wall", "2755", 0, 5, (), ""),
    )


def test_capabilities() -> None:
    """vfs_cap_data in linux/capability.h."""
    assert read_capabilities(struct.pack("<3I", 0x01000000, 1, 2)) == ("cap_chown=p", "cap_dac_override=i")
    assert read_capabilities(struct.pack("<6I", 0x03000001, 0, 0, 1 << 8, 1 << 8, 1000)) == ("cap_checkpoint_restore=eip",)
    assert read_capabilities(struct.pack("<5I", 0x02000000, 0, 0, 1 << 31, 0)) == ("cap_63=p",)
    for wrong in (b"", b"\0\0\0", struct.pack("<5I", 0x03000000, 0, 0, 0, 0), struct.pack("<I", 0x02000000), b"\xff" * 20):
        assert read_capabilities(wrong) == ("unreadable",)


def test_world_writable_paths() -> None:
    directory = EntryKind.DIRECTORY
    tree = rootfs({
        "/tmp": entry("/tmp", 0o1777, kind=directory),
        "/open": entry("/open", 0o777, kind=directory),
        "/etc/x": entry("/etc/x", 0o666),
        "/link": "-> x",
        "/dev/null": entry("/dev/null", 0o666, kind=EntryKind.CHARACTER),
        "/closed": entry("/closed", 0o664),
    })  # fmt: skip
    assert examine(tree).writable == (WritablePath("/etc/x", "file", "0666", ""), WritablePath("/open", "dir", "0777", ""))


def test_shells() -> None:
    tree = rootfs({
        "/usr/bin/dash": "#!x", "/usr/bin/sh": "-> dash", "/bin": "-> usr/bin", "/usr/share/bash": "#!x", "/usr/bin/bash": "no program",
        "/usr/bin/zsh": "-> nothing", "/bin.d/sh": "#!x", "/usr/local/bin/busybox": "#!x", "/usr/bin/push": "#!x", "/usr/bin/ssh": "#!x",
    })  # fmt: skip
    assert examine(tree).shells == (Shell("/usr/bin/dash", ""), Shell("/usr/bin/sh", "/usr/bin/dash"), Shell("/usr/local/bin/busybox", ""))


def test_packages() -> None:
    tree = rootfs({
        "/var/lib/dpkg/status": STATUS,
        "/var/lib/dpkg/info/app.list": "/.\n/usr\n/usr/bin\n/usr/bin/app\n",
        "/usr/bin/app": "12345",
        "/usr/lib/python3/site-packages/flask/app.py": "123456789",
        "/usr/lib/python3/site-packages/Flask-2.0.dist-info/RECORD": "1",
        "/usr/lib/python3/site-packages/six.py": "1234",
        "/app/node_modules/@a/b/index.js": "123",
        "/app/node_modules/c/node_modules/d/x.js": "12",
        "/gems/gems/rack-2.0/lib/rack.rb": "1",
        "/app/own": "x" * 500,
    })  # fmt: skip
    found = examine(tree)
    assert found.package_system == "dpkg"
    sizes = {(one.system, one.name): (one.files, one.size) for one in found.packages if one.name}
    assert sizes == {
        ("dpkg", "app"): (1, 5), ("python", "flask"): (1, 9), ("python", "Flask"): (1, 1), ("python", "six"): (1, 4),
        ("node", "@a/b"): (1, 3), ("node", "d"): (1, 2), ("ruby", "rack-2.0"): (1, 1),
    }  # fmt: skip
    assert found.packages[0] == PackageSize("", "", 3, 500 + len(STATUS) + len("/.\n/usr\n/usr/bin\n/usr/bin/app\n"))
    assert sum(one.size for one in found.packages) == found.size


def test_a_package_database_that_cannot_be_read() -> None:
    (text,) = examine(rootfs({"/var/lib/rpm/Packages": "x"})).unread
    assert text == "the package database cannot be read: it has an older format than sqlite"


def test_certificates_and_secrets() -> None:
    one = pem(certificate(b"first", after=b"200202000000Z"))
    key = "-----BEGIN PRIVATE KEY-----\n" + "A" * 64
    tree = rootfs({"/etc/ssl/bundle.pem": MADE + one, "/srv/one.crt": one, "/srv/key": key, "/srv/odd.crt": pem(b"\x30\x01")})
    found = examine(tree)
    assert [(cert.subject, cert.not_after[:10], cert.paths) for cert in found.certificates] == [
        ("first", "2020-02-02", ("/etc/ssl/bundle.pem", "/srv/one.crt")),
        ("exämple.test", "2081-08-31", ("/etc/ssl/bundle.pem",)),
    ]
    assert found.secrets == (SecretFile("/srv/key", ("private key",), "0644", ""),)
    assert found.unread == ("certificates that cannot be read: 1, in /srv/odd.crt",)


def test_the_same_certificate_in_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MAX_PATHS", 2)
    monkeypatch.setattr(contents, "MAX_CERTIFICATES", 2)
    one, two, three = (pem(certificate(name)) for name in (b"1", b"2", b"3"))
    found = examine(rootfs({"/a": one + one, "/b": one, "/c": one, "/d": two, "/e": three + one}))
    assert [(cert.subject, cert.files, cert.paths) for cert in found.certificates] == [("1", 4, ("/a", "/b")), ("2", 1, ("/d",))]
    assert found.unread == ("certificates that are not read, because there are too many: 1",)


def test_large_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are compared, and not searched; the largest, which may be sparse, are not read."""
    monkeypatch.setattr(contents, "MAX_SEARCHED", 100)
    monkeypatch.setattr(contents, "MAX_COMPARED", 1000)
    key = "-----BEGIN PRIVATE KEY-----\n" + "A" * 200
    found = examine(rootfs({"/k1": key, "/k2": key, "/huge1": "x" * 1001, "/huge2": "x" * 1001}))
    assert found.duplicates == (Duplicate(len(key), ("/k1", "/k2")),)
    assert found.secrets == ()
    assert any("certificates and secrets: 4" in text for text in found.unread)
    assert any(text == "files that are too large to be compared: 2" for text in found.unread)
    monkeypatch.setattr(contents, "MAX_READ", len(key))
    assert examine(rootfs({"/k1": key, "/k2": key})).duplicates == ()


def test_lists_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MAX_LISTED", 3)
    tree = rootfs({f"/x{number}": entry(f"/x{number}", 0o4666) for number in range(5)})
    found = examine(tree)
    assert len(found.privileged) == len(found.writable) == 3
    assert {"privileged files that are not listed: 2", "writable paths that are not listed: 2"} <= set(found.unread)


def test_a_file_that_cannot_be_opened() -> None:
    class Closed:
        """A Reader that can open nothing."""

        def open(self, path: RootPath) -> BinaryIO:  # noqa: ARG002
            raise OSError(errno.EIO, "no")

        def open_many(self, paths: Sequence[RootPath]) -> dict[RootPath, BinaryIO]:  # noqa: ARG002
            return {}

    found = examine(Rootfs.of(rootfs({"/a": "x"}).entries.values(), Closed()))
    assert (found.files, found.unread) == (1, ("files that could not be opened: 1",))
