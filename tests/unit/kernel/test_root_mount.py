"""The root mount of a container in mountinfo."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from docker_slim_plugin.kernel.root_mount import (
    find_root_mount,
    has_own_filesystem,
    lower_directories,
    parse_lower_directories,
)

PROC = b"154 144 0:83 / /proc rw,nosuid - proc proc rw\n"


def root(options: bytes, kind: bytes = b"overlay") -> bytes:
    return b"144 158 0:79 / / rw,relatime - %b overlay %b\n" % (kind, options) + PROC


@pytest.mark.parametrize(
    ("mountinfo", "directories"),
    [
        pytest.param(root(b"rw,lowerdir=/s/3/fs:/s/1/fs,upperdir=/s/4/fs,workdir=/s/4/work"), ["/s/3/fs", "/s/1/fs"],
                     id="in full"),
        pytest.param(root(b"rw,lowerdir=3/fs:1/fs,upperdir=/s/4/fs"), ["/s/3/fs", "/s/1/fs"],
                     id="relative to where all snapshots are"),
        pytest.param(root(b"rw,lowerdir+=/s/3/fs,lowerdir+=/s/1/fs,upperdir=/s/4/fs"), ["/s/3/fs", "/s/1/fs"],
                     id="one each"),
        pytest.param(root(rb"rw,lowerdir=/a\040b/1:/a\134:c/2,upperdir=/u/4/fs"), ["/a b/1", "/a:c/2"],
                     id="blanks and colons"),
        pytest.param(root(b"rw,subvol=/x", b"btrfs"), [], id="no overlay"),
        pytest.param(root(b"rw,lowerdir=/a,upperdir=/u/1/fs") + root(b"rw", b"ext4"), [], id="something mounted on it"),
        pytest.param(PROC, [], id="no root"),
    ],
)  # fmt: skip
def test_lower_directories(mountinfo: bytes, directories: list[str]) -> None:
    assert parse_lower_directories(mountinfo) == tuple(map(Path, directories))


def test_the_root_mount_is_found() -> None:
    shared = b"1 0 8:1 /lib/docker/vfs/dir/1 / rw - ext4 /dev/sda1 rw\n"
    found = find_root_mount(shared + PROC)
    assert found is not None
    assert (found.root, found.kind, found.options) == ("/lib/docker/vfs/dir/1", "ext4", b"rw")
    own = find_root_mount(root(b"rw"))
    assert own is not None
    assert own.root == "/"


def test_an_ended_process_has_no_lower_directories() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert lower_directories(child) == ()
    assert not has_own_filesystem(child)
