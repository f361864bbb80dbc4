from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from docker_slim_plugin.engine.tools_container import Person
from docker_slim_plugin.kernel.process_identity import ProcessIdentity
from docker_slim_plugin.model.plan import Busybox
from docker_slim_plugin.workflows.debug import SCRIPT, choose_person
from docker_slim_plugin.workflows.steps.tools_image import make_tar

FIRST = ProcessIdentity(pid=1, uid=1000, gid=1001, groups=(44,))


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", Person("1000:1001", ("44",))),
        ("1000", Person("1000:1001", ("44",))),
        ("1000:5", Person("1000:5")),
        ("0", Person("0:0")),
        ("7:8", Person("7:8")),
    ],
)
def test_whom_the_tools_run_as(user: str, expected: Person) -> None:
    assert choose_person(user, FIRST) == expected


def script(root: Path, *words: str, told: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", SCRIPT, "sh", root, told, *words], check=False, capture_output=True, text=True)


def test_the_script_starts_in_the_root_of_the_container(tmp_path: Path) -> None:
    answer = script(tmp_path, "sh", "-c", 'echo "$PWD"; exit 5', told="a %s line")
    assert (answer.stdout, answer.stderr, answer.returncode) == (f"{tmp_path}\n", "a %s line\n", 5)


def test_the_script_says_that_it_cannot_enter(tmp_path: Path) -> None:
    answer = script(tmp_path / "absent", "pwd", told="a line")
    assert (answer.stdout, answer.returncode) == ("/\n", 0)
    assert f"cannot be read as uid {os.getuid()}" in answer.stderr
    assert "a line" not in answer.stderr


def test_the_image_of_the_tools() -> None:
    busybox = Busybox(content=b"program", mtime_ns=0, applets=("/bin/ls", "/bin/busybox", "/usr/sbin/chroot", "/linuxrc"), origin="")
    with tarfile.open(fileobj=io.BytesIO(make_tar(busybox))) as tar:
        members = {one.name: one for one in tar}
        assert [one.name for one in tar if one.isdir()] == ["bin", "usr", "usr/sbin", "tmp"]
        assert {name: one.linkname for name, one in members.items() if one.issym()} == dict.fromkeys(
            ("bin/ls", "bin/sh", "linuxrc", "usr/sbin/chroot"), "/bin/busybox"
        )
        program = tar.extractfile("bin/busybox")
        assert program
        assert program.read() == b"program"
    assert members["bin/busybox"].mode == 0o755
    assert members["tmp"].mode == 0o1777
    assert all(one.uid == one.gid == one.mtime == 0 for one in members.values())
