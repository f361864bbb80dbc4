"""Compare exported trees with their plan."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable

import pytest

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.plan import FilePlan, KeptEntry, Reason, ReasonKind
from docker_slim_plugin.verify.check import MAX_LISTED, compare_tree, has_xattrs, limit_sentences

DATA = b"content"
HASHES = {RootPath(path): "sha256:" + hashlib.sha256(DATA).hexdigest() for path in ("/etc/conf", "/etc/hard")}


def entry(path: str, kind: EntryKind, mode: int = 0o755, **fields: object) -> Entry:
    return Entry(path=RootPath(path), kind=kind, mode=mode, mtime_ns=5_900_000_000, **fields)  # type: ignore[arg-type]


def plan(*entries: Entry) -> FilePlan:
    reasons = (Reason(ReasonKind.ACCESS, "app"),)
    kept = tuple(KeptEntry(entry=one, reasons=reasons) for one in entries)
    return FilePlan(kept=kept, total_files=len(kept), total_bytes=0)


PLAN = plan(
    entry("/", EntryKind.DIRECTORY),
    entry("/etc", EntryKind.DIRECTORY, uid=7, gid=8),
    entry("/etc/conf", EntryKind.FILE, 0o4644, size=len(DATA), inode=3, links=2),
    entry("/etc/hard", EntryKind.FILE, 0o4644, size=len(DATA), inode=3, links=2),
    entry("/lib", EntryKind.SYMLINK, 0o777, target="usr/lib"),
    entry("/pipe", EntryKind.FIFO, 0o600),
    entry("/sock", EntryKind.SOCKET, 0o600),
)


def member(name: str, kind: bytes, mode: int = 0o755, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime = kind, mode, 5
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def members() -> dict[str, tarfile.TarInfo]:
    return {
        "etc": member("etc", tarfile.DIRTYPE, uid=7, gid=8),
        "conf": member("etc/conf", tarfile.REGTYPE, 0o4644, size=len(DATA)),
        "hard": member("etc/hard", tarfile.LNKTYPE, 0o4644, linkname="etc/conf"),
        "lib": member("lib", tarfile.SYMTYPE, 0o777, linkname="usr/lib"),
        "pipe": member("pipe", tarfile.FIFOTYPE, 0o600),
    }


def found(
    change: Callable[[dict[str, tarfile.TarInfo]], object] = lambda _: None,
    data: bytes = DATA,
    changes: dict[str, int] | None = None,
) -> list[str]:
    tree = members()
    change(tree)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info in tree.values():
            tar.addfile(info, io.BytesIO(data) if info.isreg() else None)
    stream.seek(0)
    return list(compare_tree(stream, PLAN, HASHES, changes or {}))


def test_the_planned_tree_has_no_differences() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(lambda t: t.pop("lib"), "/lib is not in the image", id="missing"),
        pytest.param(lambda t: t.update(x=member("extra", tarfile.DIRTYPE)), "/extra is in the image, but not in the plan", id="too much"),
        pytest.param(lambda t: setattr(t["conf"], "mode", 0o644), "/etc/conf: mode is 644, not 4644", id="setuid is lost"),
        pytest.param(lambda t: setattr(t["etc"], "uid", 0), "/etc: owner is (0, 8), not (7, 8)", id="an owner"),
        pytest.param(lambda t: setattr(t["etc"], "mtime", 6), "/etc: time is 6, not 5", id="a time"),
        pytest.param(lambda t: setattr(t["lib"], "linkname", "lib64"), "/lib: target is lib64, not usr/lib", id="a target"),
        pytest.param(lambda t: setattr(t["hard"], "linkname", "pipe"), "/etc/hard is a hard link to /pipe, which is another file in the plan", id="another hard link"),
        pytest.param(lambda t: setattr(t["hard"], "linkname", "none"), "/etc/hard is a hard link to /none, which is another file in the plan", id="a hard link to nothing"),
        pytest.param(lambda t: t.update(pipe=member("pipe", tarfile.LNKTYPE, 0o600, linkname="lib")), "/pipe is a hard link to /lib, which is another file in the plan", id="a hard link that nobody made"),
        pytest.param(lambda t: t.update(hard=member("etc/hard", tarfile.REGTYPE, 0o4644, size=len(DATA))), "/etc/hard is a file of its own, not a hard link to /etc/conf", id="a hard link is lost"),
        pytest.param(
            lambda t: t["conf"].pax_headers.update({"SCHILY.xattr.security.capability": "x"}),
            "/etc/conf: capabilities is True, not False",
            id="capabilities that nobody gave",
        ),
    ],
)  # fmt: skip
def test_one_difference(change: Callable[[dict[str, tarfile.TarInfo]], object], sentence: str) -> None:
    assert found(change) == [sentence]


def test_another_kind() -> None:
    sentences = found(lambda tree: tree.update(pipe=member("pipe", tarfile.DIRTYPE, 0o600)))
    assert sentences == [f"/pipe: type is {tarfile.DIRTYPE!r}, not {tarfile.FIFOTYPE!r}"]


def test_other_content() -> None:
    (sentence,) = found(data=b"CONTENT")
    assert sentence.startswith("/etc/conf: content is ")


def test_changes_by_docker_are_no_differences() -> None:
    changes = {"/.dockerenv": 1, "/etc": 0}

    def touch(tree: dict[str, tarfile.TarInfo]) -> None:
        tree["env"] = member(".dockerenv", tarfile.DIRTYPE)
        tree["etc"].mtime = 99

    assert found(touch, changes=changes) == []
    assert len(found(touch)) == 2


def test_names_that_are_not_utf8_survive() -> None:
    name = RootPath("/b\udcff")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape") as tar:
        tar.addfile(member("b\udcff", tarfile.DIRTYPE))
    stream.seek(0)
    assert list(compare_tree(stream, plan(entry(name, EntryKind.DIRECTORY)), {}, {})) == []


def test_extended_attributes_that_an_export_does_not_show() -> None:
    capable = entry("/a", EntryKind.FILE, xattrs=(("security.capability", b"x"),))
    noted = entry("/a", EntryKind.FILE, xattrs=(("user.note", b"x"),))
    assert [has_xattrs(plan(one)) for one in (capable, noted)] == [False, True]


def test_a_long_list_is_shortened() -> None:
    assert limit_sentences(("a", "b")) == ("a", "b")
    assert limit_sentences(tuple(map(str, range(30))))[MAX_LISTED:] == ("and 10 more",)
