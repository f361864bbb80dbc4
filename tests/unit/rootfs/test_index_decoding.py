"""The index from the reader process, and its decoding and correction."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import child_process, descriptor_passing
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.rootfs import index_format, reader_program
from docker_slim_plugin.rootfs.index import MAX_OPEN
from docker_slim_plugin.rootfs.index_decoding import Corrections, read_index
from docker_slim_plugin.rootfs.index_format import Record, pack, unpack
from docker_slim_plugin.rootfs.reader_channel import ReaderExited, TreeChannel


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
    data = b"".join(pack(reader_program.build_index(tree)))
    memory = os.memfd_create("index")
    os.write(memory, data)
    found = read_index(memory, len(data))
    os.close(memory)
    assert next(iter(found)) == "/"
    return dict(found)


def test_every_file_is_indexed_with_its_metadata(tree: int) -> None:
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
        reader_program.open_file(tree, path)
    assert caught.value.errno == number


def test_a_file_is_opened_by_any_of_its_names(tree: int) -> None:
    for path in (b"/etc/file", b"etc/deep/same", b"/" + b"etc/../" * 900 + b"etc/file"):
        descriptor = reader_program.open_file(tree, path)
        assert os.read(descriptor, 99) == b"content"
        os.close(descriptor)


def test_an_untrusted_channel_may_only_open_files(tree: int) -> None:
    reader = reader_program.TreeReader()
    for request in (b"root", b"index", b"", b"none"):
        with pytest.raises(OSError, match="no such request"):
            reader.handle(request, tree, trusted=False)
    reader.handle(b"root", tree, trusted=True)
    _, descriptors = reader.handle(b"open /etc/file", None, trusted=False)
    assert len(descriptors) == 1
    os.close(descriptors[0])


def test_many_files_are_opened_with_one_request(tree: int) -> None:
    reader = reader_program.TreeReader()
    reader.handle(b"root", tree, trusted=True)
    before = len(os.listdir("/proc/self/fd"))
    text, descriptors = reader.handle(b"open-many /etc/file\0/gone\0/etc\0/etc/file\0", None, trusted=False)
    assert (text, len(descriptors)) == (b"opened 10010", 2)
    for one in descriptors:
        os.close(one)
    text, descriptors = reader.handle(b"open-many " + b"/etc/file\0" * 1000, None, trusted=False)
    assert (text, len(descriptors)) == (b"opened " + b"1" * MAX_OPEN, MAX_OPEN)
    for one in descriptors:
        os.close(one)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("answer", [b"opened 11", b"opened ", b"opened 1", b"ok", b"error 5 no"])
def test_answers_about_many_files_that_do_not_fit(answer: bytes) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = len(os.listdir("/proc/self/fd"))
    with ours, theirs:
        descriptor_passing.send(theirs, answer, 0)
        with pytest.raises((ReaderExited, OSError)):
            TreeChannel(ours).open_many([RootPath("/a"), RootPath("/b")])
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_channel_whose_other_end_is_closed() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        descriptor_passing.send(theirs, b"error 13 no")
        theirs.close()
        with pytest.raises(ReaderExited):
            TreeChannel(ours).request(b"open /x")


def test_unexpected_descriptors_are_closed() -> None:
    before = len(os.listdir("/proc/self/fd"))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        descriptor_passing.send(theirs, b"x", 0, 1)
        data, one = descriptor_passing.receive_one(ours)
        assert data == b"x"
        assert one is not None
        assert not os.get_inheritable(one)
        os.close(one)
    assert len(os.listdir("/proc/self/fd")) == before


def test_corrections() -> None:
    root, gone, changed = (Entry(path=RootPath(path), kind=EntryKind.DIRECTORY, mode=0o755) for path in ("/", "/x", "/y"))
    better = Entry(path=RootPath("/y"), kind=EntryKind.DIRECTORY, mode=0o700)
    assert Corrections(frozenset({RootPath("/x")}), (better,)).apply({one.path: one for one in (root, gone, changed)}) == {root.path: root, better.path: better}


def record(path: bytes, mode: int = 0o040755, **others: object) -> Record:
    numbers = {"uid": 0, "gid": 0, "size": 0, "mtime_ns": 0, "rdev": 0, "inode": 1, "links": 1}
    return Record(path=path, mode=mode, target=b"", xattrs={}, **{**numbers, **others})  # type: ignore[arg-type]


def read(data: bytes, size: int | None = None) -> dict[RootPath, Entry]:
    memory = os.memfd_create("index")
    try:
        os.write(memory, data)
        return read_index(memory, len(data) if size is None else size)
    finally:
        os.close(memory)


def test_records_come_through_as_they_are() -> None:
    odd = Record(b"/\xff\n", 0o107777, 2**32 - 1, 7, 2**63, -1, 2**64 - 1, b"\xfe/..", 2**64 - 1, 2, {b"user.a": b"\0", b"user.b": b""})
    late = record(b"/x", mtime_ns=2**64 * 10 + 1)
    data = b"".join(pack([record(b"/"), odd, late]))
    assert list(unpack(lambda size, at: data[at : at + size], len(data))) == [record(b"/"), odd, late]


def test_an_index_is_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_format, "BLOCK", 200)
    records = [record(b"/"), *(record(b"/%d" % number, 0o120777)._replace(target=b"x" * (number % 300)) for number in range(500))]
    data = b"".join(pack(records))
    sizes: list[int] = []

    def read(size: int, at: int) -> bytes:
        sizes.append(size)
        return data[at : at + size]

    assert list(unpack(read, len(data))) == records
    assert max(sizes) == 200
    monkeypatch.setattr(index_format, "MAX_TEXT", 250)
    with pytest.raises(ValueError, match="a name is too long"):
        list(unpack(read, len(data)))


@pytest.mark.parametrize(
    "records",
    [
        [record(b"")],
        [record(b"/a")],
        [record(b"/"), record(b"/")],
        [record(b"/"), record(b"/a"), record(b"/a")],
        [record(b"/"), record(b"/a/b")],
        [record(b"/"), record(b"/a/b"), record(b"/a")],
        [record(b"/"), record(b"/a", 0o100644), record(b"/a/b")],
        [record(b"/", 0o120777), record(b"/a")],
        [record(b"/"), record(b"/..")],
        [record(b"/"), record(b"/."), record(b"/./a")],
        [record(b"/"), record(b"//")],
        [record(b"/"), record(b"a")],
        [record(b"/"), record(b"/a\0/b")],
        [record(b"/"), record(b"/a", 0o030644)],
    ],
)  # fmt: skip
def test_what_is_no_tree_is_refused(records: list[Record]) -> None:
    with pytest.raises(SlimError, match="cannot use the index from the process that reads the image's files"):
        read(b"".join(pack(records)))


def test_bytes_that_are_no_index_are_refused() -> None:
    good = b"".join(pack([record(b"/"), record(b"/a")._replace(xattrs={b"user.a": b"x" * 9})]))
    assert len(read(good)) == 2
    for bad in (b"", b"\0" * 32, b"\xff" * 500, good[:-1], good + b"x", *(good[:at] for at in range(0, len(good), 7))):
        with pytest.raises(SlimError):
            read(bad)
    for at in range(len(good)):
        for flip in (1, 0x80, 0xFF):
            bad = bytearray(good)
            bad[at] ^= flip
            with suppress(SlimError):
                read(bytes(bad))
    with pytest.raises(SlimError, match="it is too long"):
        read(good, 1 << 40)


def test_a_client_that_does_not_read_does_not_block_others(tree: int) -> None:
    """The process that parses files may be compromised, while main uses the same reader."""
    ours, trusted = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    numbers = [trusted.fileno(), other.fileno()]
    with ours, trusted, theirs, other, child_process.start("rootfs.reader_program", numbers, descriptors=numbers) as process:
        trusted.close()
        other.close()
        ours.settimeout(20)
        theirs.settimeout(0.5)
        with suppress(OSError):
            while True:
                descriptor_passing.send(theirs, b"open /none")
        assert TreeChannel(ours).request(b"root", tree)[0] == "ok"
        TreeChannel(ours).open(RootPath("/etc/file")).close()
        ours.close()
        assert process.wait(20) == 0


def test_a_reader_that_does_not_respond() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.settimeout(0.05)
        with pytest.raises(ReaderExited):
            TreeChannel(ours).request(b"index")


def test_no_directory_is_too_deep(tmp_path: Path) -> None:
    """Directories below a path that is too long are not read: their names would need memory quadratic in the depth."""
    here = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    top = os.dup(here)
    for _ in range(60):
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    found = list(reader_program.build_index(top))
    os.close(top)
    assert 4096 <= max(len(one.path) for one in found) < 4096 + 256
    shutil.rmtree(tmp_path / ("d" * 200))


def test_a_name_that_is_listed_and_not_there(tree: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An overlay lists the whiteouts of a directory that only one layer has, but lookups of them fail."""
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda directory: [*listed(directory), "whiteout"])
    assert "/fifo" in entries(tree)
    assert "/whiteout" not in entries(tree)
