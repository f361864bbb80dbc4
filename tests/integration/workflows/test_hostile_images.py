"""A hostile image cannot read files of the host, control the terminal, or use up time."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from inotify_simple import INotify, flags

from docker_slim_plugin.engine.gate import GATE_NAME
from tests.archives import add, imported
from tests.cases.harness import SLIM, slim_names
from tests.elves import elf
from tests.faithful import differences, layers, left_behind, tree, untouched
from tests.integration.workflows.test_run import remove

pytestmark = pytest.mark.integration

IMAGE = "docker-slim-test/hostile"
SECRET = b"the host's own business"
ESCAPE = "\x1b]0;owned\x07"
APPLETS = ("sh", "cat", "ls", "ln", "mv", "mkdir", "rm", "sleep", "true")
APP = """#!/bin/sh
exec 2>/dev/null
for file in /leak/* /leak/dir/* /etc/passwd /etc/shadow /etc/hosts /etc/hostname /etc/resolv.conf /etc/mtab /.dockerenv \
  /dev/console /mnt/* /devs/* /usr/lib/*; do
    test -p "$file" || test -c "$file" || cat "$file"
done >/dev/null
cat /swapped/file
mv /swapped /away
ln -s / /swapped
cat /swapped/etc/passwd "/swapped$SECRET" "/swapped/..$SECRET" "/proc/1/root$SECRET" "/proc/self/root/../..$SECRET"
mkdir /mnt/here /cache/made
echo "$TOKEN" >/mnt/here/file
rm -r /leak/dir
mkdir /leak/dir
cat "/leak/dir/../../..$SECRET"
true
"""


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("host")
    (directory / "lib.so").write_bytes(elf("libc.so.6") + SECRET)
    (directory / "secret").write_bytes(SECRET)
    return directory / "secret"


def hostile_tree(file: Path, secret: Path) -> None:
    """Write a tar in which every link, list and header points to the host's `secret`."""
    out = "../" * 12 + str(secret).lstrip("/")
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as tar:

        def link(name: str, target: str) -> None:
            add(tar, name, type=tarfile.SYMTYPE, linkname=target, mode=0o777)

        add(tar, "bin/busybox", content=Path("/bin/busybox").read_bytes(), mode=0o755)
        for name in APPLETS:
            link(f"bin/{name}", "busybox")
        add(tar, "bin/app", content=APP.encode(), mode=0o755)
        add(tar, "bin/script", content=f"#!{secret}\n".encode(), mode=0o755)
        add(tar, "bin/env-script", content=f"#!/bin/env -S {out}\n".encode(), mode=0o755)
        link("leak/absolute", str(secret))
        link("leak/relative", out)
        link("leak/dir", str(secret.parent))
        link("leak/root", f"/proc/1/root{secret}")
        link("leak/self", f"/proc/self/root/../../..{secret}")
        link("leak/descriptor", "/proc/self/fd/0")
        link("leak/shadow", "/etc/shadow")
        link("etc/passwd", str(secret))
        link("etc/shadow", out)
        link("etc/os-release", str(secret))
        link("etc/nsswitch.conf", out)
        link("etc/ssl/certs/ca-certificates.crt", str(secret))
        link("var/lib/dpkg/status", str(secret))
        add(tar, "var/lib/dpkg/info/evil.list", content=f"{secret}\n{out}\n/..{secret}\n\nrelative\n/\0\n".encode())
        conf = f"include /etc/ld.so.conf\ninclude {secret.parent}/*\ninclude {out}\n{secret.parent}\n/{out}/..\n"
        add(tar, "etc/ld.so.conf", content=f"include /etc/*.conf /*/*/*.conf\n{conf}".encode())
        add(tar, "etc/other.conf", content=b"include other.conf ld.so.conf ../etc/other.conf\n")
        evil = elf(str(secret.parent / "lib.so"), "lib.so", "evil.so", interpreter=str(secret), runpath=f"$ORIGIN/{out}/..")
        add(tar, "usr/lib/evil.so", content=evil, mode=0o755)
        add(tar, "usr/lib/loop.so", content=elf("evil.so", rpath="$ORIGIN:${ORIGIN}/../lib", soname="evil.so"))
        add(tar, "usr/lib/counts.so", content=evil[:56] + b"\xff" * 8 + evil[64:])
        add(tar, "usr/lib/sizes.so", content=evil[:64] + b"\x01\0\0\0\7\0\0\0" + b"\xff" * 48 + evil[120:])
        add(tar, "swapped/file", content=b"as it was\n")
        add(tar, "swapped/etc/passwd", content=b"another\n")
        add(tar, "devs/null", type=tarfile.CHRTYPE, mode=0o600, devmajor=1, devminor=3)
        add(tar, "devs/too", type=tarfile.LNKTYPE, linkname="devs/null", mode=0o600)
        status = os.stat(secret)
        add(tar, "devs/disk", type=tarfile.BLKTYPE, mode=0o666, devmajor=os.major(status.st_dev),
            devminor=os.minor(status.st_dev))  # fmt: skip
        # The engine adds these to every container, or mounts over them.
        add(tar, ".dockerenv", content=b"the image's own\n", mode=0o600)
        add(tar, "etc/hosts", content=b"the image's own\n", mode=0o640)
        add(tar, "etc/hostname", content=b"the image's own\n", uid=5)
        add(tar, "etc/mtab", content=b"the image's own\n")
        add(tar, "dev/console", content=b"the image's own\n")
        add(tar, "proc", type=tarfile.DIRTYPE, mode=0o700)
        add(tar, "proc/version", content=b"the image's own\n")
        add(tar, "sys", type=tarfile.DIRTYPE, mode=0o711)
        link("etc/resolv.conf", "../run/resolver/stub")
        for name in (ESCAPE, f"new\nline{ESCAPE}", "\u202egnp", "[red]markup[/red]", "'; rm -rf $HOME"):
            add(tar, f"leak/{name}", content=b"x")


@pytest.fixture(scope="module")
def image(secret: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = tmp_path_factory.mktemp("tree") / "hostile.tar"
    hostile_tree(file, secret)
    remove(*slim_names(IMAGE))
    yield imported(IMAGE, file, 'ENTRYPOINT ["/bin/app"]', f"ENV SECRET={secret}", "VOLUME /cache")
    remove(IMAGE, *slim_names(IMAGE))


def slim(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*SLIM, "run", *arguments], check=False, capture_output=True, timeout=100)


def test_every_path_leads_to_the_host(image: str, secret: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SECRET)
    watch = INotify()
    watch.add_watch(secret.parent, flags.OPEN | flags.ACCESS)
    keep = ("/leak/**", "/usr/lib", "/bin/*script", "/devs", "/var/lib/dpkg/*", "/none" + ESCAPE)
    with watch, untouched(image):
        answer = slim(
            "--format=json", f"--volume={tmp_path}:/mnt", f"--env=TOKEN={SECRET.decode()}", *(f"--keep={p}" for p in keep), image
        )  # fmt: skip
        assert watch.read(timeout=0) == []
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    assert report["Passed"]
    assert answer.stdout.count(b"\n") == 1
    assert b"\x1b" not in answer.stdout + answer.stderr
    assert rb"--keep '/none\x1b]0;owned\x07' matches nothing" in answer.stderr
    assert b"cannot read '/usr/lib/counts.so'" in answer.stderr
    for name in slim_names(image):
        assert differences(image, name) == []
        kept = tree(name, hashed=())
        assert {"/swapped/file", "/etc/passwd", "/leak/absolute", "/leak/dir", "/devs/too", f"/leak/{ESCAPE}"} <= set(kept)
        assert not any(path.startswith(("/mnt", "/cache", "/away", "/proc/", "/leak/dir/")) for path in kept)
        saved = subprocess.run(["docker", "save", name], check=True, stdout=subprocess.PIPE)
        assert SECRET not in saved.stdout


def test_a_terminal_gets_no_escapes_of_the_image(image: str) -> None:
    ours, theirs = pty.openpty()
    script = f"X='{ESCAPE}'; echo '{ESCAPE}' $X [b]x[/b] >&2; exit 3"
    argv = [*SLIM, "run", "--entrypoint=sh", image, "-c", script]
    with subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}) as process:
        os.close(theirs)
        said = b"".join(iter(lambda: read(ours), b""))
    os.close(ours)
    assert process.returncode == 1
    assert rb"\x1b]0;owned\x07 \x1b]0;owned\x07 [b]x[/b]" in said
    assert ESCAPE.encode() not in said


def read(descriptor: int) -> bytes:
    """Return the terminal's output. b"" at its end, which Linux reports with EIO."""
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.SYMTYPE])
def test_an_image_with_the_name_of_our_gate_is_refused(tmp_path: Path, kind: bytes) -> None:
    name = small("docker-slim-test/gate", tmp_path, lambda tar: add(tar, GATE_NAME, type=kind, linkname="bin/busybox"))
    try:
        with untouched(name):
            answer = slim(name)
        assert answer.returncode == 1
        assert b"contains the file /.docker-slim-gate" in answer.stderr
    finally:
        remove(name)


def test_a_tree_deeper_than_any_path_is_refused(tmp_path: Path) -> None:
    name = small("docker-slim-test/deep", tmp_path, lambda tar: add(tar, "top", type=tarfile.DIRTYPE, mode=0o755))
    here = os.open(layers(name)[0] / "top", os.O_RDONLY)
    for _ in range(2100):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    try:
        answer = slim(name)
        assert answer.returncode == 1
        assert b"directories are nested too deeply for any path" in answer.stderr
        assert left_behind() == []
    finally:
        remove(name)


def small(name: str, directory: Path, more: Callable[[tarfile.TarFile], object]) -> str:
    """Make an image of busybox with the additional files in `more`."""
    with tarfile.open(directory / "small.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        add(tar, "bin/busybox", content=Path("/bin/busybox").read_bytes(), mode=0o755)
        more(tar)
    return imported(name, directory / "small.tar", 'ENTRYPOINT ["/bin/busybox"]', 'CMD ["true"]')
