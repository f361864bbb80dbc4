"""Which directories become writable."""

from __future__ import annotations

import pytest

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.profile import Files
from docker_slim_plugin.profile.evidence import Extra
from docker_slim_plugin.profile.file_places import canonical, conclude_files
from tests.evidence import call, evidence
from tests.observed import execution
from tests.rootfs import rootfs

TREE = {
    "/run/lock/": "",
    "/var/run": "-> /run",
    "/var/log/app/": "",
    "/var/cache/app/old": "x",
    "/tmp/": "",
    "/app/lib/": "",
    "/app/main.py": "x",
    "/data/": "",
}


def files(*written: str, **given: object) -> Files:
    return conclude_files(evidence(*(call("openat", path) for path in written), tree=TREE, **given))  # type: ignore[arg-type]


def places(*written: str, **given: object) -> dict[str, str]:
    return {str(one.path): one.kind for one in files(*written, **given).places}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("/run/app.pid", {"/run": "tmpfs", "/run/lock": "tmpfs"}, id="with directories of the image"),
        pytest.param("/var/run/app.pid", {"/run": "tmpfs", "/run/lock": "tmpfs"}, id="through a symlink"),
        pytest.param("/var/log/app/a.log", {"/var/log/app": "tmpfs"}, id="an empty directory"),
        pytest.param("/var/cache/app/new", {"/var/cache/app": "copied"}, id="with files of the image"),
        pytest.param("/var/log/app", {"/var/log/app": "tmpfs"}, id="the directory itself (chown)"),
        pytest.param("/app/main.py", {"/app": "copied"}, id="a file of the image"),
        pytest.param("/tmp/a/b/c", {"/tmp": "tmpfs"}, id="in directories that the run has made"),
        pytest.param("/new/a", {"/new": "tmpfs"}, id="a new directory in /"),
        pytest.param("/proc/self/oom_score_adj", {}, id="the kernel's"),
        pytest.param("/dev/shm/x", {}, id="shared memory"),
        pytest.param("/app/lib/__pycache__/a.pyc", {}, id="a cache"),
    ],
)
def test_places(written: str, expected: dict[str, str]) -> None:
    assert places(written) == expected


def test_nested_places_are_one() -> None:
    assert places("/tmp/x", "/tmp/y/z", "/run/lock/a", "/run/b") == {"/tmp": "tmpfs", "/run": "tmpfs", "/run/lock": "tmpfs"}


def test_volumes() -> None:
    assert places("/data/x", config={"Volumes": {"/data": {}}}) == {"/data": "volume"}
    assert places(config={"Volumes": {"/data": {}}}) == {"/data": "volume"}
    assert places("/data/x", options=("--volume=/srv:/data",), config={"Volumes": {"/data": {}}}) == {}
    assert places("/data/x", "/tmp/y", options=("--tmpfs=/tmp:size=1m", "--mount=type=bind,src=/a,dst=/data")) == {}


def test_a_file_in_the_root_is_not_possible() -> None:
    found = files("/file")
    assert not found.read_only
    assert found.reason == "app writes /file (openat): a file in / cannot be on a file system of its own"


def test_owner_and_mode_are_those_of_the_image() -> None:
    tree = {"/run/app": Entry(path=RootPath("/run/app"), kind=EntryKind.DIRECTORY, mode=0o2775, uid=5, gid=6), "/bin/x": "x"}
    found = conclude_files(evidence(call("mkdir", "/run/app/x"), tree=tree, accesses=(execution("/run/app/x/tool"),)))
    (place,) = found.places
    assert (place.uid, place.gid, place.mode, place.executes) == (5, 6, 0o2775, True)


def test_refused_and_unwritten_calls_do_not_count() -> None:
    found = conclude_files(evidence(call("openat", "/app/x", refused="EACCES"), call("openat"), call("statx", "/x"), tree=TREE))
    assert found.places == ()


def test_the_user_adds_places() -> None:
    assert places(extra=Extra(paths={"/var/spool": "x"})) == {"/var/spool": "tmpfs"}


def test_canonical() -> None:
    tree = rootfs({"/a/b/": "", "/l": "-> /a", "/loop": "-> /loop"})
    assert canonical(tree, "/l/b/c/d") == "/a/b/c/d"
    assert canonical(tree, "/l/../x") == "/x"
    assert canonical(tree, "/loop/x") == "/loop/x"
    assert canonical(tree, "/") == "/"


def test_directories_of_the_image_keep_their_owner_and_mode() -> None:
    lock = Entry(path=RootPath("/run/lock"), kind=EntryKind.DIRECTORY, mode=0o1777, uid=7)
    (run, inner) = conclude_files(evidence(call("openat", "/run/y"), tree={"/run/lock": lock, "/bin/x": "x"})).places
    assert (run.path, run.mode) == ("/run", 0o755)
    assert (inner.path, inner.kind, inner.mode, inner.uid) == ("/run/lock", "tmpfs", 0o1777, 7)
    many = {f"/run/{number}/": "" for number in range(9)}
    (copied,) = conclude_files(evidence(call("openat", "/run/y"), tree={**many, "/bin/x": "x"})).places
    assert copied.kind == "copied"
