"""Docker has exactly the tree we wrote: every kind of file, every field, with docker load and docker import.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from docker_slim_plugin.errors import VerificationFailed
from docker_slim_plugin.image.archive import image_id, write_archive
from docker_slim_plugin.image.config import compare_configs, make_image_config
from docker_slim_plugin.image.context import write_context
from docker_slim_plugin.image.layers import single_layer, split_layers
from docker_slim_plugin.image.squash import rewrite_export
from docker_slim_plugin.image.tar import WrittenLayer, write_layer
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.plan import FilePlan, Group, KeptEntry, Reason, ReasonKind
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.rootfs.index_decoding import KINDS
from tests.faithful import inspected
from tests.observed import source_image
from tests.rootfs import Contents

pytestmark = pytest.mark.integration

NAME = "docker-slim-test-image"
TIME = 1_600_000_000_123_456_789
BUSYBOX = Path("/bin/busybox").read_bytes()
# struct vfs_ns_cap_data revision 2: cap_net_bind_service, effective and permitted; holds NULs.
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
BINARY = b"\x00\xff\n=\x80binary\x00"
DEEP = "/deep" + "".join(f"/{letter * 200}" for letter in "abcdefgh") + "/file"
CONFIG: dict[str, Any] = {
    "Env": ["PATH=/usr/bin:/bin", "EMPTY=", 'ODD=$HOME "q" \\ end\\', "UNICODE=é", "SPACE=  a b "],
    "Entrypoint": ["/bin/busybox", "sleep"],
    "Cmd": ["1000"],
    "User": "0:0",
    "WorkingDir": "/srv/a $b",
    "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
    "Volumes": {"/data $x": {}},
    "Labels": {"a.b": "c d", 'quote"$': "\\", "empty": ""},
    "OnBuild": ['RUN echo "$A"'],
    "Healthcheck": {"Test": ["CMD-SHELL", 'true "$A" || exit 1'], "Interval": 30_000_000_000, "Retries": 3},
}
EXACT = {**CONFIG, "Shell": ["/bin/sh", "-ec"], "StopSignal": "SIGKILL", "ArgsEscaped": True}


def source(config: Mapping[str, Any]) -> SourceImage:
    return source_image(config, reference="source:1", created="2020-01-02T03:04:05.000000006Z")


def entries() -> Iterator[tuple[Entry, Group]]:
    """Yield an entry of every kind, with its layer group."""

    def entry(path: str, kind: EntryKind, mode: int, **more: Any) -> Entry:
        return Entry(path=RootPath(path), kind=kind, mode=mode, **{"mtime_ns": TIME, **more})

    def file(path: str, mode: int = 0o644, **more: Any) -> Entry:
        return entry(path, EntryKind.FILE, mode, **{"size": len(content(path)), **more})

    parts = DEEP.split("/")
    above = ["/".join(parts[:count]) for count in range(2, len(parts))]
    for path in ("/bin", "/odd", "/dev", "/etc", "/proc", "/sys", *above):
        yield entry(path, EntryKind.DIRECTORY, 0o755), Group.BASE
    yield entry("/", EntryKind.DIRECTORY, 0o711, mtime_ns=TIME - 10**12), Group.BASE
    yield entry("/tmp", EntryKind.DIRECTORY, 0o1777), Group.BASE
    yield entry("/empty", EntryKind.DIRECTORY, 0o700, uid=101, gid=102), Group.BASE
    yield entry("/home", EntryKind.DIRECTORY, 0o2750, gid=3_000_000, xattrs=(("user.dir", b"1"),)), Group.BASE
    yield file("/bin/busybox", 0o4755), Group.BASE
    yield file("/bin/cap", 0o755, xattrs=(("security.capability", CAPABILITY), ("user.x", b"\n"))), Group.RUNTIME
    yield file("/bin/both", 0o6711, uid=7, gid=8), Group.RUNTIME
    linked = {"inode": 77, "links": 3, "size": 3, "xattrs": (("user.binary", BINARY),)}
    yield file("/odd/link-1", **linked), Group.APP
    yield file("/odd/link-2", **linked), Group.CONFIG
    yield file("/home/link-3", **linked), Group.RUNTIME
    soft = {"target": "nowhere", "inode": 78, "links": 2}
    yield entry("/odd/soft-1", EntryKind.SYMLINK, 0o777, uid=5, **soft), Group.APP
    yield entry("/odd/soft-2", EntryKind.SYMLINK, 0o777, uid=5, **soft), Group.APP
    yield entry("/odd/absolute", EntryKind.SYMLINK, 0o777, target="/" + "t" * 300), Group.APP
    yield entry("/odd/raw-link", EntryKind.SYMLINK, 0o777, target="a\udcff\nb"), Group.APP
    yield entry("/odd/fifo", EntryKind.FIFO, 0o620), Group.APP
    yield entry("/odd/null", EntryKind.CHARACTER, 0o666, device=(1, 3)), Group.APP
    yield entry("/odd/block", EntryKind.BLOCK, 0o660, gid=6, device=(259, 1_000_000)), Group.APP
    for name in ("new\nline", "raw\udcff\udcfe", "é", " space ", "back\\slash", "esc\x1b[31m", "x" * 255, "=", "-rf"):
        yield file(f"/odd/{name}"), Group.APP
    yield file(DEEP), Group.CONFIG
    yield file("/odd/old", mtime_ns=0), Group.CONFIG
    yield file("/odd/nobody", uid=4_000_000_000, gid=4_000_000_000, mtime_ns=10**9), Group.CONFIG
    yield file("/odd/large"), Group.CONFIG


def content(path: str) -> bytes:
    if path.startswith("/bin/"):
        return BUSYBOX
    if path == "/odd/large":
        return b"0123456789abcde\n" * 200_000 + b"tail"
    return b"abc"


@pytest.fixture(scope="module")
def tree() -> tuple[Rootfs, FilePlan]:
    reasons = (Reason(ReasonKind.KEEP, "test"),)
    kept = [KeptEntry(entry=entry, reasons=reasons, group=group) for entry, group in entries()]
    kept.sort(key=lambda one: one.entry.path)
    files = {one.entry.path: content(one.entry.path) for one in kept if one.entry.kind is EntryKind.FILE}
    rootfs = Rootfs.of((one.entry for one in kept), Contents(files))
    return rootfs, FilePlan(kept=tuple(kept), total_files=len(files), total_bytes=0)


def written(tree: tuple[Rootfs, FilePlan], directory: Path) -> list[WrittenLayer]:
    rootfs, plan = tree
    return [write_layer(rootfs, kept, group.value, directory / f"{group.value}.tar") for group, kept in split_layers(plan)]


def docker(*arguments: str, data: bytes = b"") -> bytes:
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    answer = subprocess.run(
        ["docker", *arguments], input=data, capture_output=True, check=False, timeout=120, env=environment
    )
    assert answer.returncode == 0, answer.stderr.decode(errors="replace")
    return answer.stdout


def loaded(blobs: list[WrittenLayer], config: bytes, tag: str) -> str:
    archive = io.BytesIO()
    write_archive([layer.blob for layer in blobs], config, f"{NAME}:{tag}", archive)
    docker("load", "-q", data=archive.getvalue())
    return f"{NAME}:{tag}"


def layered(tree: tuple[Rootfs, FilePlan], directory: Path, config: Mapping[str, Any], tag: str) -> str:
    """Load the tree as an image of several layers, and return its name."""
    layers = written(tree, directory)
    return loaded(layers, make_image_config(source(config), [layer.blob for layer in layers], "layered", ""), tag)


@pytest.fixture
def removed() -> Iterator[Callable[[str], str]]:
    """Return a function that registers an image or a container for removal at the end."""
    names: list[str] = []

    def note(name: str) -> str:
        names.append(name)
        return name

    yield note
    for name in reversed(names):
        kind = ["rmi", "-f"] if name.startswith(NAME) else ["rm", "-fv"]
        subprocess.run(["docker", *kind, name], capture_output=True, check=False, timeout=60)


def exported(image: str, removed: Callable[[str], str]) -> io.BytesIO:
    container = removed(docker("create", "--network=none", image).decode().strip())
    return io.BytesIO(docker("export", container))


def in_engine(image: str, removed: Callable[[str], str]) -> dict[str, Entry]:
    """Return the tree of a running container, from lstat(2) and listxattr(2), read outside of its mounts."""
    container = removed(docker("run", "-d", "--network=none", "--user=0", "--workdir=/", image).decode().strip())
    merged = docker("inspect", "-f", "{{.GraphDriver.Data.MergedDir}}", container).decode().strip()
    found = {}
    for directory, below, files in os.walk(os.fsencode(merged)):
        for name in (b".", *below, *files):
            path = directory if name == b"." else os.path.join(directory, name)
            entry = seen(path, len(os.fsencode(merged)))
            found[entry.path] = entry
    return found


def seen(path: bytes, prefix: int) -> Entry:
    status = os.lstat(path)
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    names = os.listxattr(path, follow_symlinks=False)
    device = kind in (EntryKind.CHARACTER, EntryKind.BLOCK)
    return Entry(
        path=RootPath(os.fsdecode(path[prefix:]) or "/"),
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        size=status.st_size if kind is EntryKind.FILE else 0,
        mtime_ns=status.st_mtime_ns,
        target=os.fsdecode(os.readlink(path)) if kind is EntryKind.SYMLINK else "",
        device=(os.major(status.st_rdev), os.minor(status.st_rdev)) if device else (0, 0),
        inode=status.st_ino,
        links=status.st_nlink,
        xattrs=tuple(sorted((name, os.getxattr(path, name, follow_symlinks=False)) for name in names)),
    )


DOCKERS = {"/", "/etc", "/dev"}
"""Directories in which docker creates files in every container."""


def same_tree(found: Mapping[str, Entry], plan: FilePlan, *, whole_seconds: bool = False, xattrs: bool = True) -> None:
    """Compare all metadata of each file, and that hard links are one file."""

    def plain(entry: Entry, inodes: dict[int, str]) -> Entry:
        alone = entry.links < 2 or entry.kind is EntryKind.DIRECTORY
        first = "" if alone else inodes.setdefault(entry.inode, entry.path)
        time = 0 if entry.path in DOCKERS else entry.mtime_ns
        return replace(
            entry,
            inode=0,
            links=1,
            target=f"{entry.target}|{first}",
            mtime_ns=time // 10**9 if whole_seconds else time,
            xattrs=tuple(pair for pair in entry.xattrs if xattrs or pair[0] == "security.capability"),
        )

    ours: dict[int, str] = {}
    theirs: dict[int, str] = {}
    for kept in plan.kept:
        path = kept.entry.path
        if path == "/":
            # Docker Engine 20.10 passes over a layer's root, and gives a container its own: 0755, whatever the image says.
            continue
        assert plain(found[path], theirs) == plain(kept.entry, ours), path


def same_content(export: io.BytesIO, hashes: Mapping[RootPath, str], plan: FilePlan, directory: Path) -> None:
    assert rewrite_export(export, plan, directory / "again.tar").hashes == hashes


def test_loaded_layers_are_the_tree(
    tree: tuple[Rootfs, FilePlan], tmp_path: Path, removed: Callable[[str], str]
) -> None:
    layers = written(tree, tmp_path)
    assert [layer.blob.group for layer in layers] == ["base", "runtime", "app", "config"]
    blobs = [layer.blob for layer in layers]
    config = make_image_config(source(EXACT), blobs, "layered", source(EXACT).created)
    image = removed(loaded(layers, config, "layered"))
    found = inspected(image)
    assert found["Id"] == image_id(config) == f"sha256:{hashlib.sha256(config).hexdigest()}"
    assert found["RootFS"]["Layers"] == [layer.blob.diff_id for layer in layers]
    assert compare_configs(EXACT, found["Config"]) == ()
    assert found["Config"]["Labels"]["org.opencontainers.image.base.name"] == "source:1"
    assert found["Created"] == source(EXACT).created
    hashes = {path: digest for layer in layers for path, digest in layer.hashes.items()}
    same_tree(in_engine(image, removed), tree[1])
    same_content(exported(image, removed), hashes, tree[1], tmp_path)


def test_one_layer_is_the_tree(tree: tuple[Rootfs, FilePlan], tmp_path: Path, removed: Callable[[str], str]) -> None:
    ((group, kept),) = single_layer(tree[1])
    layer = write_layer(tree[0], kept, group.value, tmp_path / "one.tar")
    config = make_image_config(source(EXACT), [layer.blob], "squashed", "")
    image = removed(loaded([layer], config, "single"))
    assert inspected(image)["Id"] == image_id(config)
    same_tree(in_engine(image, removed), tree[1])


def test_the_same_tree_gives_the_same_bytes(tree: tuple[Rootfs, FilePlan], tmp_path: Path) -> None:
    once, twice = (tmp_path / "1", tmp_path / "2")
    archives = []
    for directory in (once, twice):
        directory.mkdir()
        layers = written(tree, directory)
        archive = io.BytesIO()
        blobs = [layer.blob for layer in layers]
        write_archive(blobs, make_image_config(source(EXACT), blobs, "layered", ""), f"{NAME}:x", archive)
        archives.append(hashlib.sha256(archive.getvalue()).hexdigest())
    assert archives[0] == archives[1]


def test_imported_export_is_the_tree(
    tree: tuple[Rootfs, FilePlan], tmp_path: Path, removed: Callable[[str], str]
) -> None:
    image = removed(layered(tree, tmp_path, EXACT, "exported"))
    squashed = rewrite_export(exported(image, removed), tree[1], tmp_path / "squashed.tar")
    ((group, kept),) = single_layer(tree[1])
    assert squashed.blob.diff_id == write_layer(tree[0], kept, group.value, tmp_path / "one.tar").blob.diff_id
    command = '--change=CMD ["/bin/busybox","sleep","1000"]'
    docker("import", command, "-", removed(f"{NAME}:imported"), data=Path(squashed.blob.file).read_bytes())
    found = inspected(f"{NAME}:imported")
    assert found["RootFS"]["Layers"] == [squashed.blob.diff_id]
    same_tree(in_engine(f"{NAME}:imported", removed), tree[1])


def test_an_export_that_lacks_a_file_is_refused(
    tree: tuple[Rootfs, FilePlan], tmp_path: Path, removed: Callable[[str], str]
) -> None:
    image = removed(layered(tree, tmp_path, CONFIG, "lacking"))
    more = replace(tree[1].kept[-1], entry=replace(tree[1].kept[-1].entry, path=RootPath("/tmp/not-there")))
    plan = replace(tree[1], kept=(*tree[1].kept, more))
    with pytest.raises(VerificationFailed, match="/tmp/not-there"):
        rewrite_export(exported(image, removed), plan, tmp_path / "squashed.tar")


def test_the_context_builds_the_tree(
    tree: tuple[Rootfs, FilePlan], tmp_path: Path, removed: Callable[[str], str]
) -> None:
    layers = written(tree, tmp_path)
    context = tmp_path / "context"
    write_context(context, [(layer.blob.group, Path(layer.blob.file)) for layer in layers], EXACT)
    docker("build", "-q", "-t", removed(f"{NAME}:built"), str(context))
    said = [text.split()[1] for text in compare_configs(EXACT, inspected(f"{NAME}:built")["Config"])]
    assert said == ["ArgsEscaped"]
    same_tree(in_engine(f"{NAME}:built", removed), tree[1], whole_seconds=True, xattrs=False)
