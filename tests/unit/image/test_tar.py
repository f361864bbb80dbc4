"""Layers as tar archives, read back with Python's tarfile."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.image.tar import WrittenLayer, make_header, write_layer
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.plan import KeptEntry, Reason, ReasonKind
from docker_slim_plugin.rootfs.index import Rootfs
from tests.rootfs import Contents

BINARY = b"\x00\xff\n=x\x00"


def entry(path: str, kind: EntryKind = EntryKind.FILE, mode: int = 0o644, **more: Any) -> Entry:
    return Entry(path=RootPath(path), kind=kind, mode=mode, **more)


def write(tmp_path: Path, *entries: Entry, contents: dict[str, bytes] | None = None) -> WrittenLayer:
    """Write entries. Entries without content in `contents` are empty."""
    reader = Contents({one.path: (contents or {}).get(one.path, b"") for one in entries})
    kept = [KeptEntry(entry=one, reasons=(Reason(ReasonKind.KEEP, "test"),)) for one in entries]
    return write_layer(Rootfs.of(entries, reader), kept, "app", tmp_path / "app.tar")


def read(layer: WrittenLayer) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(layer.blob.file, encoding="utf-8", errors="surrogateescape") as tar:
        return {member.name: member for member in tar}


def parsed(one: Entry) -> tarfile.TarInfo:
    data = make_header(one) + bytes(1024)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r|", encoding="utf-8", errors="surrogateescape") as tar:
        member = tar.next()
        assert member is not None
        return member


def test_the_blob_says_what_the_file_is(tmp_path: Path) -> None:
    layer = write(tmp_path, entry("/d", EntryKind.DIRECTORY), entry("/d/f", size=3), contents={"/d/f": b"abc"})
    data = Path(layer.blob.file).read_bytes()
    assert layer.blob.diff_id == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert (layer.blob.size, layer.blob.files, layer.blob.group) == (len(data), 1, "app")
    assert layer.hashes == {"/d/f": hashlib.sha256(b"abc").hexdigest()}
    assert len(data) % 512 == 0


def test_the_order_of_entries_does_not_matter(tmp_path: Path) -> None:
    entries = [entry(path) for path in ("/b", "/a", "/a-b", "/é")]
    first = write(tmp_path, *entries).blob.diff_id
    assert write(tmp_path, *reversed(entries)).blob.diff_id == first


def test_parents_come_first(tmp_path: Path) -> None:
    directories = [entry(path, EntryKind.DIRECTORY) for path in ("/a/b", "/a", "/a-b", "/")]
    assert list(read(write(tmp_path, *directories, entry("/a/b/c")))) == [".", "a", "a-b", "a/b", "a/b/c"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("x" * 255, id="longer than a header"),
        pytest.param("/".join(["d" * 199] * 20), id="4,000 bytes"),
        pytest.param("y" * 100, id="as long as a header"),
        pytest.param("raw\udcff\udc80", id="not UTF-8"),
        pytest.param("é☃", id="not ASCII"),
        pytest.param("new\nline 12 path=/etc/passwd\n", id="a newline"),
        pytest.param(" space ", id="spaces around it"),
        pytest.param("\x1b[31m", id="an escape"),
    ],
)
def test_names(name: str) -> None:
    assert parsed(entry("/" + name)).name == name
    link = parsed(entry("/l", EntryKind.SYMLINK, target=name))
    assert (link.type, link.linkname) == (tarfile.SYMTYPE, name)


@pytest.mark.parametrize("mode", [0o644, 0o4755, 0o2711, 0o1777, 0o7777, 0])
def test_modes(mode: int) -> None:
    assert parsed(entry("/f", mode=mode)).mode == mode


@pytest.mark.parametrize("number", [0, 1000, 8**7 - 1, 8**7, 2**32 - 2])
def test_owners(number: int) -> None:
    member = parsed(entry("/f", uid=number, gid=number))
    assert (member.uid, member.gid, member.uname, member.gname) == (number, number, "", "")


@pytest.mark.parametrize("size", [0, 8**11 - 1, 8**11, 2**40])
def test_sizes(size: int) -> None:
    assert parsed(entry("/f", size=size)).size == size


@pytest.mark.parametrize(
    ("nanoseconds", "record"),
    [
        pytest.param(10**9, None, id="a whole second needs no record"),
        pytest.param(0, None, id="1970"),
        pytest.param(1_600_000_000_123_456_789, "1600000000.123456789", id="nanoseconds"),
        pytest.param(1_000_000_001, "1.000000001", id="one nanosecond"),
        pytest.param(1_500_000_000, "1.5", id="half a second"),
        pytest.param(-1_500_000_000, "-1.5", id="before 1970"),
        pytest.param(-2 * 10**9, "-2", id="whole seconds before 1970"),
        pytest.param(8**11 * 10**9, "8589934592", id="after 2242"),
    ],
)
def test_times(nanoseconds: int, record: str | None) -> None:
    member = parsed(entry("/f", mtime_ns=nanoseconds))
    assert member.pax_headers.get("mtime") == record
    assert float(member.mtime) == pytest.approx(nanoseconds / 10**9)


def test_devices_and_pipes() -> None:
    block = parsed(entry("/b", EntryKind.BLOCK, device=(259, 1_000_000)))
    assert (block.type, block.devmajor, block.devminor) == (tarfile.BLKTYPE, 259, 1_000_000)
    assert parsed(entry("/c", EntryKind.CHARACTER, device=(1, 3))).type == tarfile.CHRTYPE
    assert parsed(entry("/p", EntryKind.FIFO)).type == tarfile.FIFOTYPE


def test_extended_attributes_are_bytes() -> None:
    data = make_header(entry("/f", xattrs=(("security.capability", BINARY), ("user.raw\udcff", b"1"))))
    assert b" SCHILY.xattr.security.capability=" + BINARY + b"\n" in data
    assert b" SCHILY.xattr.user.raw\xff=1\n" in data


def test_attributes_that_no_record_can_hold_are_left_out() -> None:
    odd = (("security.selinux", b"x"), ("user.a=b", b"1"), ("user.empty", b""))
    assert make_header(entry("/f", xattrs=odd)) == make_header(entry("/f"))


@pytest.mark.parametrize("length", [*range(1, 120), *range(960, 1010)])
def test_a_record_counts_its_own_length(length: int) -> None:
    value = bytes(length)
    data = make_header(entry("/f", xattrs=(("user.x", value),)))[512:]
    said = int(data.partition(b" ")[0])
    assert data[said - 1 : said] == b"\n"
    assert data[:said].endswith(b"=" + value + b"\n")
    assert not data[said:-512].strip(b"\0")


def test_hard_links_lead_to_the_first_name(tmp_path: Path) -> None:
    names = [entry(path, inode=5, links=3, size=3) for path in ("/c", "/a", "/b")]
    layer = write(tmp_path, *names, contents={"/a": b"abc"})
    members = read(layer)
    assert members["a"].isreg()
    assert [(members[name].islnk(), members[name].linkname, members[name].size) for name in "bc"] == [(True, "a", 0)] * 2
    assert layer.hashes == dict.fromkeys(("/a", "/b", "/c"), hashlib.sha256(b"abc").hexdigest())


def test_a_hard_linked_symlink(tmp_path: Path) -> None:
    links = [entry(path, EntryKind.SYMLINK, inode=5, links=2, target="t") for path in ("/a", "/b")]
    members = read(write(tmp_path, *links))
    assert (members["a"].issym(), members["b"].islnk(), members["b"].linkname) == (True, True, "a")


def test_unstorable_entries_are_reported(tmp_path: Path) -> None:
    entries = [
        entry("/socket", EntryKind.SOCKET),
        entry("/.wh.gone"),
        entry("/d/.wh..wh..opq"),
        entry("/.wh.d/below"),
        entry("/kept.wh."),
    ]
    layer = write(tmp_path, *entries)
    assert list(read(layer)) == ["kept.wh."]
    assert layer.skipped == ("/.wh.d/below", "/.wh.gone", "/d/.wh..wh..opq", "/socket")
    assert layer.blob.files == 1


def test_generated_content(tmp_path: Path) -> None:
    kept = KeptEntry(entry=entry("/f", size=5), reasons=(Reason(ReasonKind.GENERATED, "test"),), content=b"hello")
    layer = write_layer(Rootfs.of([], Contents({})), [kept], "app", tmp_path / "app.tar")
    with tarfile.open(layer.blob.file) as tar:
        content = tar.extractfile("f")
        assert content is not None
        assert content.read() == b"hello"
    assert layer.hashes == {"/f": hashlib.sha256(b"hello").hexdigest()}


def test_more_than_a_block_of_content(tmp_path: Path) -> None:
    data = os.urandom((1 << 20) + 513)
    layer = write(tmp_path, entry("/f", size=len(data)), entry("/g"), contents={"/f": data})
    with tarfile.open(layer.blob.file) as tar:
        content = tar.extractfile("f")
        assert content is not None
        assert content.read() == data
        assert tar.getnames() == ["f", "g"]


def test_a_file_that_has_grown_is_written_as_it_was(tmp_path: Path) -> None:
    layer = write(tmp_path, entry("/f", size=2), contents={"/f": b"abc"})
    assert layer.hashes == {"/f": hashlib.sha256(b"ab").hexdigest()}


def test_a_file_that_has_shrunk_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SlimError, match="cannot read '/f': it has become shorter"):
        write(tmp_path, entry("/f", size=4), contents={"/f": b"abc"})


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    class Broken:
        def open(self, path: RootPath) -> Any:
            raise OSError(5, "Input/output error", path)

        def open_many(self, _: Sequence[RootPath]) -> dict[RootPath, Any]:
            return {}

    kept = KeptEntry(entry=entry("/n\x1b", size=1), reasons=())
    with pytest.raises(SlimError, match=r"cannot read '/n\\x1b': Input/output error"):
        write_layer(Rootfs.of([], Broken()), [kept], "app", tmp_path / "app.tar")


def test_a_full_disk_is_an_error() -> None:
    with pytest.raises(SlimError, match="cannot write a layer to /dev: No space left on device") as raised:
        write_layer(Rootfs.of([], Contents({})), [], "app", Path("/dev/full"))
    assert "TMPDIR" in raised.value.hint
