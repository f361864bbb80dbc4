"""Output files: devices, pipes and symlinks stay, any other file is written completely or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_slim_plugin.errors import Interrupted
from docker_slim_plugin.host import output_file

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="makes device nodes and files of others")
NOBODY = 65534


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A sticky world-writable directory like /tmp."""
    directory = tmp_path / "shared"
    directory.mkdir()
    directory.chmod(0o1777)
    return directory


def device(path: Path, minor: int) -> Path:
    """Create a device node like /dev/null (3) or /dev/full (7)."""
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, minor))
    return path


def names(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


@pytest.mark.parametrize(("umask", "asked", "mode"), [(0o022, 0o666, 0o644), (0o077, 0o666, 0o600), (0o002, 0o600, 0o600)])
def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path: Path, umask: int, asked: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        output_file.write(str(tmp_path / "new"), b"x", mode=asked)
    finally:
        os.umask(before)
    assert (tmp_path / "new").read_bytes() == b"x"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == mode


@ROOT
def test_an_old_file_is_replaced_and_keeps_mode_and_owner(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_bytes(b"much longer")
    old.chmod(0o664)
    os.chown(old, NOBODY, NOBODY)
    inode = old.stat().st_ino
    output_file.write(str(old), b"x")
    found = old.stat()
    assert (old.read_bytes(), stat.S_IMODE(found.st_mode), found.st_uid) == (b"x", 0o664, NOBODY)
    assert found.st_ino != inode
    assert names(tmp_path) == ["old"]


@ROOT
def test_a_device_is_written_to(tmp_path: Path) -> None:
    null = device(tmp_path / "null", 3)
    output_file.check(str(null))
    output_file.write(str(null), b"x" * 100_000)
    output_file.remove(str(null))
    assert stat.S_ISCHR(null.lstat().st_mode)
    assert names(tmp_path) == ["null"]


@ROOT
def test_a_full_device_says_so_and_stays(tmp_path: Path) -> None:
    full = device(tmp_path / "full", 7)
    with pytest.raises(OSError, match="No space left"):
        output_file.write(str(full), b"x")
    assert stat.S_ISCHR(full.lstat().st_mode)
    assert names(tmp_path) == ["full"]


def test_a_fifo_is_written_to(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    output_file.write(str(fifo), b"x" * 100_000)
    reader.join()
    assert read == [b"x" * 100_000]
    assert stat.S_ISFIFO(fifo.lstat().st_mode)


@pytest.mark.parametrize("form", ["/dev/fd/{}", "/proc/self/fd/{}", "/proc/{pid}/fd/{}", "link"])
def test_an_open_descriptor_is_written_to_where_it_stands(tmp_path: Path, form: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"before ")
    with file.open("ab") as opened:
        name = form.format(opened.fileno(), pid=os.getpid())
        if form == "link":
            (tmp_path / "link").symlink_to(f"/proc/self/fd/{opened.fileno()}")
            name = str(tmp_path / "link")
        output_file.write(name, b"new")
        output_file.remove(name)
    assert file.read_bytes() == b"before new"


def test_a_pipe_behind_a_descriptor_is_written_to() -> None:
    there, here = os.pipe()
    output_file.write(f"/dev/fd/{here}", b"x")
    os.close(here)
    with open(there, "rb") as end:
        assert end.read() == b"x"


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("relative", [True, False])
def test_the_target_of_a_link_is_replaced_and_the_link_stays(tmp_path: Path, exists: bool, relative: bool) -> None:
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "file"
    if exists:
        target.write_bytes(b"old")
    (tmp_path / "two").symlink_to("real/file" if relative else target)
    (tmp_path / "one").symlink_to("two")
    output_file.write(str(tmp_path / "one"), b"new")
    assert target.read_bytes() == b"new"
    assert os.readlink(tmp_path / "one") == "two"
    output_file.remove(str(tmp_path / "one"))
    assert names(tmp_path) == ["one", "real", "two"]
    assert not target.exists()


@ROOT
@pytest.mark.parametrize(
    ("owner", "mode", "refused"),
    [
        pytest.param(NOBODY, 0o1777, True, id="somebody else's"),
        pytest.param(0, 0o1777, False, id="ours"),
        pytest.param(NOBODY, 0o755, False, id="where only the owner of the directory writes"),
    ],
)
@pytest.mark.parametrize("below", [False, True])
def test_links_of_others(tmp_path: Path, shared: Path, owner: int, mode: int, refused: bool, below: bool) -> None:
    shared.chmod(mode)
    target = tmp_path / "target"
    target.mkdir() if below else target.write_bytes(b"old")
    os.symlink(target, shared / "link")
    os.chown(shared / "link", owner, owner, follow_symlinks=False)
    name = str(shared / "link" / "file" if below else shared / "link")
    if refused:
        with pytest.raises(PermissionError, match="another user"):
            output_file.check(name)
        with pytest.raises(PermissionError, match="another user"):
            output_file.write(name, b"new")
        assert below or target.read_bytes() == b"old"
    else:
        output_file.write(name, b"new")
        assert (target / "file" if below else target).read_bytes() == b"new"


@ROOT
def test_a_link_of_the_directory_s_owner_is_followed(tmp_path: Path, shared: Path) -> None:
    os.chown(shared, NOBODY, NOBODY)
    os.symlink(tmp_path / "target", shared / "link")
    os.chown(shared / "link", NOBODY, NOBODY, follow_symlinks=False)
    output_file.write(str(shared / "link"), b"new")
    assert (tmp_path / "target").read_bytes() == b"new"


@ROOT
def test_what_others_have_laid_out_in_a_shared_directory(shared: Path) -> None:
    """A file of another user does not determine the mode of ours; a FIFO of another user gets nothing."""
    (shared / "file").write_bytes(b"")
    (shared / "file").chmod(0o666)
    os.mkfifo(shared / "fifo")
    for name in ("file", "fifo"):
        os.chown(shared / name, NOBODY, NOBODY)
    output_file.write(str(shared / "file"), b"secret", mode=0o600)
    found = (shared / "file").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (0, 0o600)
    with pytest.raises(PermissionError, match="FIFO"):
        output_file.write(str(shared / "fifo"), b"secret")


@pytest.mark.parametrize("what", ["link", "file", "fifo"])
def test_what_was_put_there_meanwhile_gets_nothing(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user may exchange the file between the check and the open."""
    fifo, victim = tmp_path / "fifo", tmp_path / "victim"
    victim.write_bytes(b"precious")
    os.mkfifo(fifo)

    def swapped(name: str, resolve_target: Callable[[str], output_file.Target] = output_file.resolve_target) -> output_file.Target:
        found = resolve_target(name)
        fifo.rename(tmp_path / "away")
        if what == "link":
            fifo.symlink_to(victim)
        elif what == "file":
            os.link(victim, fifo)
        else:
            os.mkfifo(fifo)
        return found

    monkeypatch.setattr(output_file, "check", lambda _: None)
    monkeypatch.setattr(output_file, "resolve_target", swapped)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    if what == "fifo":
        other = threading.Timer(0.2, lambda: os.close(os.open(fifo, os.O_RDONLY)))
        other.start()
    with pytest.raises(OSError, match=r"symbolic links|meanwhile"):
        output_file.write(str(fifo), b"secret")
    os.close(reader)
    assert victim.read_bytes() == b"precious"


@ROOT
def test_a_fifo_of_others_that_came_after_the_check(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(shared / "fifo")
    os.chown(shared / "fifo", NOBODY, NOBODY)
    monkeypatch.setattr(output_file, "check", lambda _: None)
    with pytest.raises(PermissionError, match="another user"):
        output_file.write(str(shared / "fifo"), b"secret")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), Interrupted("cannot go on")])
@pytest.mark.parametrize("exists", [True, False])
def test_nothing_is_left_of_what_fails(tmp_path: Path, error: BaseException, exists: bool) -> None:
    if exists:
        (tmp_path / "file").write_bytes(b"old")

    def fail() -> None:
        with output_file.open_for_writing(str(tmp_path / "file")) as stream:
            stream.write(b"x" * 1_000_000)
            raise error

    with pytest.raises(type(error)):
        fail()
    assert names(tmp_path) == (["file"] if exists else [])
    assert not exists or (tmp_path / "file").read_bytes() == b"old"


@ROOT
def test_nothing_is_left_on_a_full_disk(tmp_path: Path) -> None:
    code = (
        "import os, sys; from docker_slim_plugin.host import output_file\n"
        f"os.chdir({str(tmp_path)!r})\n"
        "try: output_file.write('file', b'x' * (8 << 20))\n"
        "except OSError as error: print(error.strerror, os.listdir('.'))\n"
    )
    script = f'mount -t tmpfs -o size=1m tmpfs {tmp_path} && exec {sys.executable} -c "$1"'
    answer = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", code], check=True, stdout=subprocess.PIPE, text=True
    )
    assert answer.stdout == "No space left on device []\n"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("none/file", FileNotFoundError),
        ("file/x", NotADirectoryError),
        ("", IsADirectoryError),
        ("new/", IsADirectoryError),
        ("dir", IsADirectoryError),
        ("loop", OSError),
        ("out", FileNotFoundError),
    ],
)
def test_what_cannot_be_written_is_known_before(tmp_path: Path, name: str, error: type[OSError]) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "dir").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "out").symlink_to("none/file")
    before = len(os.listdir("/proc/self/fd"))
    for attempt in (output_file.check, lambda where: output_file.write(where, b"x")):
        with pytest.raises(error):
            attempt(f"{tmp_path}/{name}")
    assert len(os.listdir("/proc/self/fd")) == before
    assert names(tmp_path) == ["dir", "file", "loop", "out"]
