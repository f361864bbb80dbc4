"""Translation of a process's paths into the image's paths."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from docker_slim_plugin.kernel.mountinfo import Mount, parse_mountinfo
from docker_slim_plugin.observe.mount_names import NamespaceView, VisibleMount, lookup, visible_mounts

LINES = b"""\
30 20 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/a:/b,upperdir=/c
31 30 0:51 / /proc rw - proc proc rw
32 30 0:50 /data /mnt/a\\040b rw master:1 - overlay overlay rw
33 30 8:1 /var/hosts /etc/hosts rw - ext4 /dev/sda1 rw
34 30 0:50 /etc /etc rw - overlay overlay rw
"""
TREE = Mount(30, "0:50", "/", "/", "overlay", b"")


def test_a_mountinfo_file() -> None:
    assert [(one.id, one.device, one.root, one.point, one.kind) for one in parse_mountinfo(LINES)] == [
        (30, "0:50", "/", "/", "overlay"),
        (31, "0:51", "/", "/proc", "proc"),
        (32, "0:50", "/data", "/mnt/a b", "overlay"),
        (33, "8:1", "/var/hosts", "/etc/hosts", "ext4"),
        (34, "0:50", "/etc", "/etc", "overlay"),
    ]
    assert next(parse_mountinfo(LINES)).options == b"rw,lowerdir=/a:/b,upperdir=/c"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        pytest.param("/usr/bin/env", "/usr/bin/env", id="in its place"),
        pytest.param("/mnt/a b/sub/file", "/data/sub/file", id="in a bind mount"),
        pytest.param("/mnt/a b", "/data", id="the mount itself"),
        pytest.param("/mnt/a bc", "/mnt/a bc", id="a name that only begins like it"),
        pytest.param("/etc/passwd", "/etc/passwd", id="mounted on itself"),
        pytest.param("/etc/hosts", None, id="another file system's file"),
        pytest.param("/proc/self/exe", None, id="another file system"),
        pytest.param("/", "/", id="the root"),
    ],
)
def test_names(path: str, name: str | None) -> None:
    seen = NamespaceView(visible_mounts(parse_mountinfo(LINES), TREE, "/").values(), is_complete=True)
    assert seen.has_other_names
    assert seen.image_path(path) == name


@pytest.mark.parametrize(
    ("mounted", "tree", "own_root", "path", "name"),
    [
        pytest.param([(1, "0:50", "/jail", "/")], TREE, "/", "/etc/name", "/jail/etc/name", id="another root"),
        pytest.param([(1, "0:50", "/data", "/in")], TREE, "/jail", "/jail/in/x", "/data/x", id="seen from a chroot"),
        pytest.param([(1, "0:50", "/", "/"), (2, "0:9", "/", "/")], TREE, "/", "/x", None, id="hidden by another"),
        pytest.param(
            [(1, "8:1", "/vfs/1", "/"), (2, "8:1", "/vfs/1/data", "/mnt"), (3, "8:1", "/vfs/12", "/new")],
            Mount(1, "8:1", "/vfs/1", "/", "ext4", b""), "/", "/mnt/x", "/data/x", id="a tree in a larger one",
        ),
        pytest.param(
            [(1, "8:1", "/vfs/1", "/"), (3, "8:1", "/vfs/12", "/new")],
            Mount(1, "8:1", "/vfs/1", "/", "ext4", b""), "/", "/new/x", None, id="what lies beside it",
        ),
    ],
)  # fmt: skip
def test_roots(
    mounted: list[tuple[int, str, str, str]], tree: Mount, own_root: str, path: str, name: str | None
) -> None:
    seen = visible_mounts((Mount(*one, "overlay", b"") for one in mounted), tree, own_root)
    assert NamespaceView(seen.values(), is_complete=True).image_path(path) == name


def test_an_ordinary_container_has_no_other_names() -> None:
    lines = LINES.replace(b"/data /mnt", b"/mnt/a\\040b /mnt")
    assert not NamespaceView(visible_mounts(parse_mountinfo(lines), TREE, "/").values(), is_complete=True).has_other_names


def test_a_path_in_an_unmounted_mount() -> None:
    mount = VisibleMount("/mnt", "/data")
    assert (mount.image_path("/mnt/x"), mount.image_path("/x"), mount.image_path("/mntx")) == ("/data/x", "/data/x", "/data/mntx")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        pytest.param("a/file", [("a/file", False)], id="a file"),
        pytest.param("a/none", [], id="nothing"),
        pytest.param("link/file", [("link", True), ("a/file", False)], id="through a link"),
        pytest.param("a/up", [("a/up", True), ("top", False)], id="a link upwards"),
        pytest.param("a/../top", [("top", False)], id="up and down"),
        pytest.param("absolute", [("absolute", True), ("a/file", False)], id="an absolute link"),
        pytest.param("loop", [("loop", True)] * 41, id="a loop ends"),
        pytest.param("else/file", [], id="nothing that another file system has to be asked for"),
        pytest.param("file/x", [], id="a file is no directory"),
    ],
)
def test_lookup(tmp_path: Path, path: str, found: list[tuple[str, bool]]) -> None:
    for name in ("a", "else"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / "top").touch()
    for name, target in (("link", "a"), ("a/up", "../top"), ("absolute", f"{tmp_path}/a/file"), ("loop", "loop")):
        (tmp_path / name).symlink_to(target)
    seen = NamespaceView([VisibleMount("/", "/"), VisibleMount(str(tmp_path / "else"), None)], is_complete=True)
    assert list(lookup(os.getpid(), f"{tmp_path}/{path}", "/", seen)) == [
        (f"{tmp_path}/{name}", is_link) for name, is_link in found
    ]
