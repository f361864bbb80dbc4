"""A slim image equals its source with fewer files, for every kind of entry and whatever the app does with them."""

from __future__ import annotations

import os
import struct
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.archives import add, reload
from tests.cases.harness import SLIM, docker
from tests.faithful import differences, tree, untouched
from tests.integration.workflows.test_run import build, remove

pytestmark = pytest.mark.integration

IMAGE = "docker-slim-test/fidelity"
ODD = "docker-slim-test/odd"
YEAR_2200 = 7_258_118_400
# struct vfs_ns_cap_data revision 2: cap_net_bind_service, effective and permitted; holds NULs.
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
DEEP = ("odd/deep" + "".join(f"/{letter * 240}" for letter in "abcdefghijklmnop") + f"/{'f' * 255}")[:3900]
NAMES = (
    "new\nline",
    "raw\udcff\udcfe",
    "é",
    " space ",
    "back\\slash",
    "esc\x1b[31m",
    "x" * 255,
    "=",
    "-rf",
    "'\"$`*?[",
)

APP = r"""#!/bin/sh
# Read everything, then change everything.
set -e
find /odd /data /usr/local/share/kept -type f -exec cat {} + >/dev/null
find /odd -exec stat {} + >/dev/null
find /odd -type l -exec readlink {} + >/dev/null
cat /odd/links/chain/file /odd/links/absolute /etc/alternatives/tool /usr/bin/tool /lib64/../../odd/plain >/dev/null
readlink -f /odd/links/loop || :

sed -i s/a/b/ /odd/plain /data/own
echo more >>/odd/appended
mv /odd/moved /odd/elsewhere
rm /odd/removed /odd/fifo /odd/dev/null
rm -r /odd/empty
truncate -s 0 /odd/truncated
truncate -s 1M /odd/nanoseconds
ln -f /odd/links/target /odd/links/hard
ln -sf /etc/passwd /odd/links/relative
rm -r /odd/tree && ln -s /etc /odd/tree
chmod 777 /odd/setuid /odd/locked /tmp /
chmod 755 /odd/capable
chown 1:1 /odd/nobody /odd/xattrs
chown -h 5:5 /odd/links/absolute
touch /odd/epoch /odd/future /etc /usr/bin /odd
echo changed >/odd/hard/a/one
mkdir -p /odd/new/__pycache__ /run/app
echo code >/odd/new/__pycache__/module.pyc
echo 1 >/run/app/app.pid
echo new >/data/new
echo "app:x:1:1::/:/bin/sh" >>/etc/passwd
rm /var/lib/dpkg/status
"""
DOCKERFILE = r"""
FROM docker-slim-test/odd
COPY app /usr/local/bin/app
RUN chmod 755 /usr/local/bin/app && ln -s /odd/tools/one /etc/alternatives/tool && ln -s ../../etc/alternatives/tool /usr/bin/tool \
 && printf 'changed a layer up\n' >/odd/tree/second && rm /odd/gone && mv /odd/hard/a/two /odd/hard/b/three \
 && touch -d '2001-02-03 04:05:06.789012345' /odd/tree /odd/plain
VOLUME /data /odd/volume
ENV EMPTY= SPACED="  a  b " UNICODE=é
LABEL quoted="\"$\\" lines="a\nb"
EXPOSE 53/udp
STOPSIGNAL SIGKILL
WORKDIR /odd
ENTRYPOINT ["app"]
"""


def odd_tree(file: Path) -> None:
    """Write a tar with every kind of entry and metadata that a tree can have."""
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as tar:
        for name, mode in (("odd", 0o755), ("odd/locked", 0), ("odd/empty", 0o700), ("odd/sticky", 0o1777),
                           ("odd/setgid", 0o2750), ("odd/none", 0o111), ("data", 0o750), ("odd/volume", 0o3770)):  # fmt: skip
            add(tar, name, type=tarfile.DIRTYPE, mode=mode, gid=3_000_000 if mode > 0o777 else 7)
        add(tar, "odd/directory", type=tarfile.DIRTYPE, mode=0o755, xattrs={"user.directory": b"1"})
        for name in ("plain", "appended", "moved", "removed", "gone", "truncated", "nanoseconds", "volume/own",
                     "tree/first", "tree/second", "tools/one", "links/target", "links/directory/file"):  # fmt: skip
            add(tar, f"odd/{name}", content=b"a\n" * 40)
        add(tar, "data/own", content=b"a volume's own\n", uid=99, mode=0o600)
        add(tar, "usr/local/share/kept/file", content=b"kept\n")
        for name, mode in (("setuid", 0o4755), ("setgid-file", 0o2711), ("both", 0o6755), ("sticky-file", 0o1644)):
            add(tar, f"odd/{name}", content=b"x", mode=mode, uid=33, gid=44)
        add(tar, "odd/unreadable", content=b"x", mode=0)
        add(tar, "odd/nobody", content=b"x", uid=4_000_000_000, gid=4_000_000_001)
        add(tar, "odd/epoch", content=b"x", mtime=0)
        add(tar, "odd/future", content=b"x", mtime=YEAR_2200)
        add(tar, "odd/capable", content=b"x", mode=0o755, xattrs={"security.capability": CAPABILITY})
        add(tar, "odd/xattrs", content=b"x", xattrs={"user.text": b"a=\n", "user.binary": b"\x00\xff\n=\x80"})
        add(tar, "odd/hard/a/one", content=b"one file\n", xattrs={"user.hard": b"1"}, mode=0o640)
        for name in ("odd/hard/a/two", "odd/hard/b/one", "usr/local/share/kept/hard", "srv/unread"):
            add(tar, name, type=tarfile.LNKTYPE, linkname="odd/hard/a/one", mode=0o640)
        for name, target in (("absolute", "/odd/plain"), ("relative", "../plain"), ("dangling", "/no/where"),
                             ("chain", "second"), ("second", "/odd/links/third"), ("third", "directory"),
                             ("loop", "pool"), ("pool", "loop"), ("self", "self"), ("raw", "a\udcff\nb"),
                             ("out", "../../../../../../etc/hostname"), ("long", "t" * 300)):  # fmt: skip
            add(tar, f"odd/links/{name}", type=tarfile.SYMTYPE, linkname=target, mode=0o777, uid=9)
        add(tar, "odd/fifo", type=tarfile.FIFOTYPE, mode=0o620)
        add(tar, "odd/dev/null", type=tarfile.CHRTYPE, mode=0o666, devmajor=1, devminor=3)
        add(tar, "odd/dev/too", type=tarfile.LNKTYPE, linkname="odd/dev/null", mode=0o666)
        add(tar, "odd/dev/block", type=tarfile.BLKTYPE, mode=0o660, gid=6, devmajor=259, devminor=100_000)
        add(tar, "odd/sparse", content=bytes(3 << 20) + b"end")
        for name in NAMES:
            add(tar, f"odd/names/{name}", content=b"x")
        add(tar, "odd/names/x.wh.y", content=b"x")
        add(tar, DEEP, content=b"deep\n")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Build the image from a loaded layer: layers of RUN and ADD have whole seconds and no extended attributes.
    """
    directory = tmp_path_factory.mktemp("fidelity")
    odd_tree(directory / "odd.tar")
    reload("debian:bookworm", ODD, directory, layer=directory / "odd.tar")
    (directory / "odd.tar").unlink()
    (directory / "app").write_text(APP, encoding="ascii")
    build(directory, IMAGE, DOCKERFILE)
    yield IMAGE
    remove(IMAGE, ODD)


@pytest.fixture(scope="module")
def slim(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Slim the image and check that the source is unchanged. Return the directory with the file outputs."""
    directory = tmp_path_factory.mktemp("outputs")
    outputs = f"layered,squashed,oci={directory}/archive.tar,context={directory}/context"
    ours = f"{image}:latest-slim", f"{image}:latest-slim-squashed"
    try:
        with untouched(image):
            answer = subprocess.run(
                [*SLIM, "run", "--output", outputs, image], check=False, capture_output=True, text=True, timeout=100
            )
        assert answer.returncode == 0, answer.stderr
        # The port is only needed for the configuration.
        assert "warning" not in answer.stderr.replace("warning: port 53/udp", "")
        yield directory
    finally:
        remove(*ours)


def test_the_layered_image(image: str, slim: Path) -> None:
    assert differences(image, f"{image}:latest-slim") == []


def test_the_squashed_image(image: str, slim: Path) -> None:
    assert differences(image, f"{image}:latest-slim-squashed") == []


def test_all_that_was_read_is_there(image: str, slim: Path) -> None:
    tops = ("/odd", "/data", "/usr/local/share/kept")
    read = {path for path in tree(image, hashed=()) if path.startswith(tops)}
    kept = set(tree(f"{image}:latest-slim", hashed=()))
    assert len(read) > 90
    assert read <= kept
    assert "/srv/unread" not in kept


def test_the_archive(image: str, slim: Path) -> None:
    name = f"{image}:latest-slim"
    before = docker("image", "inspect", "-f", "{{.Id}}", name)
    remove(name)
    docker("load", "-i", str(slim / "archive.tar"))
    assert docker("image", "inspect", "-f", "{{.Id}}", name) == before
    assert differences(image, name) == []


def test_the_context(image: str, slim: Path) -> None:
    name = f"{image}:built"
    docker("build", "-q", "-t", name, str(slim / "context"))
    try:
        assert differences(image, name, built=True) == []
    finally:
        remove(name)


def test_the_comparison_sees(image: str, tmp_path: Path) -> None:
    """Each case changes one property, and the comparison finds it. Otherwise the tests above would prove nothing."""
    changes = {
        "chmod 4711 /odd/plain": "'/odd/plain': mode",
        "chown 3:4 /odd/moved": "'/odd/moved': owner",
        "chown -h 3:4 /odd/links/self": "'/odd/links/self': owner",
        "touch -d 2001-01-01 /odd/directory": "'/odd/directory': mtime",
        "touch -d 2001-01-01 /odd/fifo": "'/odd/fifo': mtime",
        "dd if=/dev/zero of=/odd/sparse bs=1 count=1 conv=notrunc && touch -r /odd/both /odd/sparse": "'/odd/sparse'",
        "ln -sfn elsewhere /odd/links/dangling": "; target is 'elsewhere'",
        "cp /odd/capable /x && mv /x /odd/capable": "'/odd/capable'",
        "cp -p /odd/xattrs /x && mv /x /odd/xattrs": "'/odd/xattrs'",
        "cp -p /odd/hard/b/one /x && mv /x /odd/hard/b/one": "'/odd/hard/b/one' is one file with",
        "ln -f /odd/tools/one /odd/tree/first": "'/odd/tree/first' is one file with",
        "rm /odd/dev/block && mkfifo /odd/dev/block": "'/odd/dev/block': kind",
        "echo >/odd/made": "'/odd/made' is not in the source",
    }
    name = f"{image}:changed"
    build(tmp_path, name, f"FROM {image}\nUSER 3\nUSER 0\nRUN {' && '.join(changes)}\nENTRYPOINT []\nENV A=b\n")
    try:
        found = differences(image, name)
    finally:
        remove(name)
    expected = {*changes.values(), "there is no label", "Config.Entrypoint", "Config.Env", "Config.User"}
    assert [part for part in expected if not any(part in sentence for sentence in found)] == []


def test_warns_about_entries_that_no_layer_can_store(tmp_path: Path) -> None:
    """BuildKit leaves such files in its layers. Here the test adds them to the layer on disk, where BuildKit would."""
    name = "docker-slim-test/unheld"
    for file in ("old", "new", "other"):
        (tmp_path / file).write_text(file, encoding="ascii")
    build(tmp_path, name, 'FROM scratch\nCOPY busybox old new other /\nENTRYPOINT ["/busybox","cat","/old","/new"]\n')
    layer = Path(docker("image", "inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", name).strip())
    os.utime(layer / "old", ns=(0, -(10**18)))
    os.utime(layer / "new", (0, 10_500_000_000))
    os.setxattr(layer / "new", "user.empty", b"")
    try:
        with untouched(name):
            answer = subprocess.run([*SLIM, "run", name], check=False, capture_output=True, text=True, timeout=100)
        assert answer.returncode == 0, answer.stderr
        assert "2 names are stored with less metadata" in answer.stderr
        assert "'/new', '/old'" in answer.stderr
        for form in ("slim", "slim-squashed"):
            said = differences(name, f"{name}:latest-{form}")
            assert sorted(sentence.partition(":")[0] for sentence in said) == ["'/new'", "'/old'"]
            assert all("mtime is 0, not" in sentence and "mode" not in sentence for sentence in said)
    finally:
        remove(name, f"{name}:latest-slim", f"{name}:latest-slim-squashed")
