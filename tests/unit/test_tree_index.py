"""The index of a tree, as the process that reads it makes it, and what is docker's of it."""

from __future__ import annotations

import errno
import marshal
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_slim_plugin import descriptors, tree_reader
from docker_slim_plugin.model import Entry, EntryKind, RootPath
from docker_slim_plugin.tree_channel import Ended, TreeChannel
from docker_slim_plugin.tree_index import Corrections, read_index


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[int]:
    """Yield a descriptor (O_PATH) of a small tree."""
    top = tmp_path / "tree"
    (top / "etc" / "deep").mkdir(parents=True)
    (top / "etc" / "file").write_text("content")
    os.link(top / "etc" / "file", top / "etc" / "deep" / "same")
    (top / "link").symlink_to("/etc/passwd")
    (top / "etc" / "up").symlink_to("..")
    os.mkfifo(top / "fifo")
    os.setxattr(top / "etc" / "file", "user.note", b"\xff\0")
    (top / os.fsdecode(b"na\xffme\n")).write_text("")
    descriptor = os.open(top, os.O_PATH | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def entries(tree: int) -> dict[str, Entry]:
    data = marshal.dumps(tree_reader.index(tree))
    memory = os.memfd_create("index")
    os.write(memory, data)
    found = read_index(memory, len(data))
    os.close(memory)
    assert next(one.path for one in found) == "/"
    return {one.path: one for one in found}


def test_every_name_is_there_with_all_that_there_is_to_it(tree: int) -> None:
    found = entries(tree)
    assert set(found) == {
        "/", "/etc", "/etc/deep", "/etc/deep/same", "/etc/file", "/etc/up", "/fifo", "/link", "/na\udcffme\n",
    }  # fmt: skip
    file, same = found["/etc/file"], found["/etc/deep/same"]
    assert (file.kind, file.size, file.links, file.xattrs) == (EntryKind.FILE, 7, 2, (("user.note", b"\xff\0"),))
    assert file.inode == same.inode != 0
    assert (found["/link"].kind, found["/link"].target) == (EntryKind.SYMLINK, "/etc/passwd")
    assert found["/fifo"].kind is EntryKind.FIFO
    assert found["/etc"].links == 1


@pytest.mark.parametrize(
    ("path", "number"),
    [
        (b"/link", errno.ELOOP),
        (b"/etc/up/etc/file", errno.ELOOP),
        (b"/fifo", errno.EINVAL),
        (b"/etc", errno.EINVAL),
        (b"/none", errno.ENOENT),
        (b"/../../etc/passwd", errno.EXDEV),
        (b"//etc/../../../etc/passwd", errno.EXDEV),
        (b"/" + b"x" * 5000, errno.ENAMETOOLONG),
        (b"/" + b"etc/../" * 900 + b"etc/none", errno.ENOENT),
    ],
)
def test_only_regular_files_below_are_opened(tree: int, path: bytes, number: int) -> None:
    with pytest.raises(OSError) as caught:
        tree_reader.open_file(tree, path)
    assert caught.value.errno == number


def test_a_file_is_opened_by_any_of_its_names(tree: int) -> None:
    for path in (b"/etc/file", b"etc/deep/same", b"/" + b"etc/../" * 900 + b"etc/file"):
        descriptor = tree_reader.open_file(tree, path)
        assert os.read(descriptor, 99) == b"content"
        os.close(descriptor)


def test_who_is_not_trusted_may_open_files_only(tree: int) -> None:
    reader = tree_reader.TreeReader()
    for request in (b"root", b"index", b"", b"none"):
        with pytest.raises(OSError, match="no such request"):
            reader.answer(request, tree, trusted=False)
    reader.answer(b"root", tree, trusted=True)
    _, descriptor = reader.answer(b"open /etc/file", None, trusted=False)
    assert descriptor is not None
    os.close(descriptor)


def test_a_channel_whose_other_end_is_gone() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        descriptors.send(theirs, b"error 13 no")
        theirs.close()
        with pytest.raises(Ended):
            TreeChannel(ours).ask(b"open /x")


def test_descriptors_that_nobody_asked_for_are_closed() -> None:
    before = len(os.listdir("/proc/self/fd"))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        descriptors.send(theirs, b"x", 0, 1)
        data, one = descriptors.receive_one(ours)
        assert data == b"x"
        assert one is not None
        assert not os.get_inheritable(one)
        os.close(one)
    assert len(os.listdir("/proc/self/fd")) == before


def test_corrections() -> None:
    root, gone, changed = (Entry(path=RootPath(path), kind=EntryKind.DIRECTORY, mode=0o755) for path in ("/", "/x", "/y"))
    better = Entry(path=RootPath("/y"), kind=EntryKind.DIRECTORY, mode=0o700)
    assert Corrections(frozenset({RootPath("/x")}), (better,)).applied([root, gone, changed]) == [root, better]
