"""The watcher on a root that shares its file system with the host, as with the storage drivers vfs and btrfs."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from docker_slim_plugin.observe.watcher.watcher import open_watcher

pytestmark = pytest.mark.integration
ENTER = "mount --bind {0} {0} && cd {0} && pivot_root . old && umount -l /old && echo ready && read x && cat /inside && read x"


@contextmanager
def rooted(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield a process whose root is the directory; it continues after each line on its standard input."""
    for name in ("old", "bin", "proc"):
        (directory / name).mkdir()
    shutil.copy("/bin/busybox", directory / "bin" / "busybox")
    for name in ("cat", "umount"):
        (directory / "bin" / name).symlink_to("busybox")
    (directory / "inside").write_text("inside\n")
    command = ["unshare", "--mount", "/bin/busybox", "sh", "-c", ENTER.format(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        process.communicate("\n")


@pytest.mark.parametrize("choice", ["fanotify", "inotify"])
def test_opens_of_the_host_are_not_recorded(tmp_path: Path, choice: str) -> None:
    outside = tmp_path / "outside"
    outside.write_text("outside")
    directory = tmp_path / "root"
    directory.mkdir()
    with rooted(directory) as process, open_watcher(process.pid, choice) as watch:
        outside.read_text()
        subprocess.run(["cat", outside, directory / "inside"], check=True, stdout=subprocess.DEVNULL)
        assert process.stdin
        assert process.stdout
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "inside\n"
        watch.drain()
        paths = {access.path for access in watch.accesses()}
    assert "/inside" in paths
    assert not {path for path in paths if "outside" in path or str(tmp_path) in path}
