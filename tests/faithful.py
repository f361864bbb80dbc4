"""Whether a slim image is faithful to its source, told by nothing of the program's own.

The trees are the images' own: their layers as the engine keeps them on disk, put together by an overlay of
ours, read-only. So there is no container in between, and nothing that docker makes in every container.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker
from inotify_simple import INotify, flags

from docker_slim_plugin.host import run_registry
from docker_slim_plugin.kernel.root_mount import lower_directories

GENERATED = re.compile(
    r"/var/lib/dpkg/(?:status|diversions|info/.*\.(?:list|md5sums|conffiles)|status\.d/.*\.md5sums)"
    r"|/(?:usr/)?lib/apk/db/installed|/.*/rpmdb\.sqlite|/.*\.(?:dist|egg)-info/(?:RECORD|installed-files\.txt)"
)
"""Metadata of packages: cut in a slim image, so its content is another."""
LABELS = ("org.opencontainers.image.base.name", "org.opencontainers.image.base.digest")
LEVEL = "docker-slim.level"
OF_A_CONTAINER = {"Hostname", "Domainname", "MacAddress", "Image", "AttachStdin", "AttachStdout", "AttachStderr"}
"""Fields that an image's Config only has because a container's has them."""
DOCKERS_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """All there is to a name in a tree."""

    kind: str
    mode: str
    owner: tuple[int, int]
    mtime: int
    size: int
    target: str
    device: int
    xattrs: Mapping[str, bytes]
    links: int
    inode: tuple[int, int]
    changed: int
    """ctime; nothing can change an inode, its content included, and leave this as it was."""
    digest: str


def differences(source: str, slim: str, *, built: bool = False) -> list[str]:
    """Return a sentence for each way in which `slim` is not `source` with fewer files; [] means faithful.

    `built` allows for what `docker build` does to any context: times in whole seconds, no extended attributes but
    capabilities, no time of its own for what holds another, and a PATH in Env.
    """
    found = config_differences(source, slim, built=built)
    ours = tree(slim)
    theirs = tree(source, hashed=ours)
    generated = {path for path in ours if GENERATED.fullmatch(path)}
    for path, node in ours.items():
        if path not in theirs:
            found.append(f"{path!r} is not in the source")
        elif node_differences := _node_differences(path, theirs[path], node, generated=generated, built=built):
            found.append(f"{path!r}: {'; '.join(node_differences)}")
    return found + _link_differences(theirs, ours, generated)


def config_differences(source: str, slim: str, *, built: bool = False) -> list[str]:
    """Return a sentence for each field of the configuration that differs, our two labels aside."""
    wanted, given = inspected(source), inspected(slim)
    found = [
        f"{field} is {given.get(field)!r}, not {wanted.get(field)!r}"
        for field in ("Os", "Architecture", "Variant", "OsVersion")
        if (given.get(field) or "") != (wanted.get(field) or "")
    ]
    theirs, ours = wanted["Config"] or {}, given["Config"] or {}
    found += [f"there is no label {label}" for label in LABELS if not built and label not in (ours["Labels"] or {})]
    for field in sorted({*theirs, *ours} - OF_A_CONTAINER):
        one, other = _plain(field, theirs.get(field)), _plain(field, ours.get(field))
        if built and field == "Env":
            one = sorted({*(one or ()), DOCKERS_PATH} if not any(v.startswith("PATH=") for v in one or ()) else one)
            other = sorted(other or ())
        if one != other:
            found.append(f"Config.{field} is {other!r}, not {one!r}")
    return found


def tree(image: str, *, hashed: Collection[str] | None = None) -> dict[str, Node]:
    """Return every name in the image's tree; contents are hashed of the names in `hashed`, None of all."""
    with _mounted(image) as root:
        return dict(_walk(root, hashed))


@contextmanager
def untouched(source: str) -> Iterator[None]:
    """Assert that `source` is the same image afterwards, its tree untouched, and that nothing is left behind."""
    image, nodes, lying_about = _identity(source), tree(source, hashed=()), _lying_about(source)
    yield
    assert _identity(source) == image
    after = tree(source, hashed=())
    assert sorted(nodes) == sorted(after)
    # The device is the overlay's own, another each time.
    changed = [path for path, node in nodes.items() if replace(node, inode=after[path].inode) != after[path]]
    assert changed == []
    assert sorted(_lying_about(source) - lying_about) == []
    assert left_behind() == []


def left_behind() -> list[str]:
    """Return containers, temporary images and directories that runs of this session have left: those that it started."""
    own = f"{os.getpid()}-"  # of this process, for as long as a fixture holds it
    ours = {run for run in SESSION.runs() if not run.startswith(own)}
    return [name for name, run in marked() if run in ours]


class Session:
    """What has been started since the tests began: each run writes itself down before it makes anything."""

    def __init__(self) -> None:
        self._watch: INotify | None = None
        self._runs: set[str] = set()

    def begin(self) -> None:
        """Remember all runs that are written down from now on."""
        directory = run_registry.state_directory(os.environ) / "runs"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._watch = INotify()
        self._watch.add_watch(directory, flags.CREATE)

    def runs(self) -> frozenset[str]:
        """Return the ids of the runs of this session, past and present."""
        if self._watch:
            self._runs.update(event.name for event in self._watch.read(timeout=0))
        return frozenset(self._runs)


SESSION = Session()


def marked() -> list[tuple[str, str]]:
    """Return all that bears docker slim's marks in the engine and among temporary files, with the run's id."""
    labelled = (
        ("ps", "-a", "--format", '{{.ID}} {{.Label "docker-slim.run"}}', "--filter", "label=docker-slim.run"),
        ("images", "--format", "{{.ID}} {{.Tag}}", "docker-slim-run"),
    )
    found = [tuple(line.split(" ", 1)) for command in labelled for line in _lines(*command)]
    for image in _lines("images", "-q", "--filter", "dangling=true", "--filter", "label=docker-slim.run"):
        found += [(image, *_lines("image", "inspect", "--format", '{{index .Config.Labels "docker-slim.run"}}', image))]
    places = {Path(os.environ.get("TMPDIR") or "/var/tmp"), Path(tempfile.gettempdir())}
    found += [(str(path), path.name.removeprefix("docker-slim-")) for place in places for path in place.glob("docker-slim-*")]
    return [(name, match[0]) for name, text in found if (match := re.search(run_registry.RUN_ID, text))]


def _node_differences(path: str, wanted: Node, given: Node, *, generated: Collection[str], built: bool) -> list[str]:
    fields = ["kind", "mode", "owner", "target", "device"]
    fields += [] if path in generated else ["size", "digest"]
    # An engine gives the root directory a time of its own, whatever the image says.
    fields += [] if path == "/" else ["mtime", "xattrs"]
    if built:
        second = 10**9
        wanted = replace(wanted, mtime=wanted.mtime // second, xattrs=_capability(wanted))
        given = replace(given, mtime=given.mtime // second, xattrs=_capability(given))
    return [
        f"{field} is {getattr(given, field)!r}, not {getattr(wanted, field)!r}"
        for field in fields
        if getattr(given, field) != getattr(wanted, field)
    ]


def _capability(node: Node) -> dict[str, bytes]:
    return {name: value for name, value in node.xattrs.items() if name == "security.capability"}


def _link_differences(theirs: Mapping[str, Node], ours: Mapping[str, Node], generated: Collection[str]) -> list[str]:
    """Return a sentence for each name that does not share its file with the very names it shares it with in the source."""
    wanted, given = _groups(theirs, ours), _groups(ours, ours)
    return [
        f"{path!r} is one file with {sorted(given[path])}, not with {sorted(group)}"
        for path, group in wanted.items()
        if path not in generated and group != given.get(path)
    ]


def _groups(nodes: Mapping[str, Node], among: Collection[str]) -> dict[str, frozenset[str]]:
    """Return {name: all names of its file} of what is no directory, as far as they are `among`."""
    names: dict[tuple[int, int], set[str]] = {}
    shared = {path: node for path, node in nodes.items() if path in among and node.kind != "directory"}
    for path, node in shared.items():
        names.setdefault(node.inode, set()).add(path)
    return {path: frozenset(names[node.inode]) for path, node in shared.items()}


_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
    stat.S_IFSOCK: "socket",
}


def _walk(root: Path, hashed: Collection[str] | None) -> Iterator[tuple[str, Node]]:
    """Yield all names below `root`, which nobody changes; no path is longer than one name, however deep the tree."""
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield "/", _node(".", here, wants_digest=False)
        pending = [("", sorted(os.listdir(here)))]
        while pending:
            above, names = pending[-1]
            if not names:
                pending.pop()
                here = _step(here, "..") if pending else here
                continue
            name = names.pop()
            path = f"{above}/{name}"
            node = _node(name, here, wants_digest=hashed is None or path in hashed)
            yield path, node
            if node.kind == "directory":
                here = _step(here, name)
                pending.append((path, sorted(os.listdir(here))))
    finally:
        os.close(here)


def _step(here: int, name: str) -> int:
    there = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
    os.close(here)
    return there


def _node(name: str, here: int, *, wants_digest: bool) -> Node:
    status = os.stat(name, dir_fd=here, follow_symlinks=False)
    kind = _KINDS[stat.S_IFMT(status.st_mode)]
    # There is no listxattrat(2) before Linux 6.13.
    way = f"/proc/self/fd/{here}/{name}"
    digest = ""
    if kind == "file" and wants_digest:
        with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=here), "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Node(
        kind=kind,
        mode=f"{stat.S_IMODE(status.st_mode):04o}",
        owner=(status.st_uid, status.st_gid),
        mtime=status.st_mtime_ns,
        size=status.st_size if kind == "file" else 0,
        target=os.readlink(name, dir_fd=here) if kind == "symlink" else "",
        device=status.st_rdev,
        xattrs={
            key: os.getxattr(way, key, follow_symlinks=False)
            for key in os.listxattr(way, follow_symlinks=False)
            if key != "security.selinux"
        },
        links=status.st_nlink,
        inode=(status.st_dev, status.st_ino),
        changed=status.st_ctime_ns,
        digest=digest,
    )


@contextmanager
def _mounted(image: str) -> Iterator[Path]:
    """Yield a directory at which the image's tree is mounted, read-only."""
    found = layers(image)
    above = found[0].parents[1]
    short = [_short(layer) for layer in found]
    with tempfile.TemporaryDirectory(prefix="faithful-") as name:
        root, nothing = Path(name, "root"), Path(name, "nothing")
        root.mkdir()
        nothing.mkdir()
        # Two layers are the least that an overlay without an upper one takes.
        options = ":".join([*short, str(nothing)])
        mount = ["mount", "-t", "overlay", "-o", f"ro,lowerdir={options}", "overlay", str(root)]
        # The newer calls of mount(8) take 256 bytes.
        old_call = {**os.environ, "LIBMOUNT_FORCE_MOUNT2": "always"}
        subprocess.run(mount, check=True, cwd=above, env=old_call)
        try:
            yield root
        finally:
            subprocess.run(["umount", root], check=True)


def _short(layer: Path) -> str:
    """Return a layer's name from where the engine keeps all of them: mount(2) takes 4,096 bytes of options."""
    link = layer.parent / "link"
    # overlay2 has links for this very purpose, the containerd image store has short names.
    return f"l/{link.read_text(encoding='ascii')}" if link.exists() else f"{layer.parent.name}/{layer.name}"


_SNAPSHOTS: dict[str, list[Path]] = {}
"""Layers of the containerd image store, by an image's id."""


def layers(image: str) -> list[Path]:
    """Return the directories of an image's layers, uppermost first.

    The containerd image store does not tell them: a container has them below what the engine puts there itself.
    """
    found = inspected(image)
    data = (found.get("GraphDriver") or {}).get("Data")
    if data:
        return [Path(name) for name in (data["UpperDir"], *data.get("LowerDir", "").split(":")) if name]
    if not all(layer.exists() for layer in _SNAPSHOTS.get(found["Id"]) or [Path("/none")]):
        # A program of ours, so that nothing of the image runs.
        program = "/.docker-slim-test/busybox"
        waits = (f"--volume=/bin/busybox:{program}:ro", f"--entrypoint={program}", found["Id"], "sleep", "99")
        (container,) = _lines("run", "-d", "--network=none", "--user=0", "--workdir=/", "--no-healthcheck", *waits)
        try:
            (pid,) = _lines("inspect", "-f", "{{.State.Pid}}", container)
            _SNAPSHOTS[found["Id"]] = list(lower_directories(int(pid))[1:])
        finally:
            _lines("rm", "-fv", container)
    return _SNAPSHOTS[found["Id"]]


def _plain(field: str, value: Any) -> Any:
    """Return a field's value in the one form that docker means by several: null, empty and missing."""
    if field == "StopTimeout":
        return value
    if field == "Labels":
        value = {name: text for name, text in (value or {}).items() if name not in (*LABELS, LEVEL)}
    return value or None


def inspected(image: str) -> dict[str, Any]:
    # Not `docker image inspect`: newer clients leave out fields that are empty.
    client = docker.from_env(version="auto")
    try:
        return dict(client.api.inspect_image(image))
    finally:
        client.close()


def _identity(image: str) -> tuple[object, ...]:
    found = inspected(image)
    return found["Id"], found["RepoTags"], found["RootFS"]["Layers"]


def _lying_about(source: str) -> set[str]:
    """Return the containers of an image, volumes of no container, and images of ours without a name."""
    found = (
        ("container", _lines("ps", "-aq", "--filter", f"ancestor={source}")),
        ("volume", _lines("volume", "ls", "-q", "--filter", "dangling=true")),
        ("image", _lines("images", "-q", "--filter", "dangling=true", "--filter", "label=docker-slim.run")),
    )
    return {f"{kind} {name}" for kind, names in found for name in names}


def _lines(*command: str) -> list[str]:
    return subprocess.run(["docker", *command], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
