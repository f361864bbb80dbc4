"""The pristine tree of an image, read by a process that stands in a container of it which never runs.

The traced container changes its own files, so nothing is ever read from that one.
"""

from __future__ import annotations

import errno
import marshal
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from docker_slim_plugin.engine import Engine
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.gate import find_gate
from docker_slim_plugin.model import Entry, EntryKind, RootPath, SourceImage
from docker_slim_plugin.rootfs import Reader, Rootfs
from docker_slim_plugin.rootmount import lower_directories

_START_SECONDS = 20.0
_PATH_MAX = 4096
"""Bytes of a path that the kernel takes, its closing NUL included (linux/limits.h)."""
_KINDS = {
    stat.S_IFREG: EntryKind.FILE,
    stat.S_IFDIR: EntryKind.DIRECTORY,
    stat.S_IFLNK: EntryKind.SYMLINK,
    stat.S_IFIFO: EntryKind.FIFO,
    stat.S_IFCHR: EntryKind.CHARACTER,
    stat.S_IFBLK: EntryKind.BLOCK,
    stat.S_IFSOCK: EntryKind.SOCKET,
}


class Inside:
    """The reading process; a context manager, and the `Reader` of a `Rootfs`."""

    def __enter__(self) -> Self:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-I", "-m", "docker_slim_plugin.inside", str(theirs.fileno())]
        # A session of its own: Ctrl-C is for us to handle.
        self._process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
        )
        theirs.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()
        self._process.kill()
        self._process.wait()

    def enter(self, pid: int) -> None:
        """Have it stand in the root of the held container whose process is `pid`; once only."""
        try:
            self._ask(b"enter %d" % pid)
        except OSError as error:
            raise SlimError(
                f"cannot enter the image's file system: {error.strerror}", hint="docker slim doctor"
            ) from error

    def entries(self) -> tuple[Entry, ...]:
        """Return every name of the tree, as it stands."""
        text, descriptors = self._ask(b"index")
        with open(descriptors[0], "rb") as file:
            file.seek(0)
            data = file.read(int(text.split()[1]))
        # From our own process, which executes nothing of the image's.
        return tuple(_entry(record) for record in marshal.loads(data))  # noqa: S302

    def open(self, path: RootPath) -> BinaryIO:
        _, descriptors = self._ask(b"open " + os.fsencode(path))
        return open(descriptors[0], "rb")

    def _ask(self, request: bytes) -> tuple[str, list[int]]:
        self._channel.send(request)
        data, descriptors, _, _ = socket.recv_fds(self._channel, 4096, 1)
        text = data.decode("utf-8", "replace")
        if text.startswith("error ") or not text:
            number, _, message = text.removeprefix("error ").partition(" ")
            raise OSError(int(number or errno.EPIPE), message or "the reading process has ended")
        return text, descriptors


def _entry(record: tuple[Any, ...]) -> Entry:
    path, mode, uid, gid, size, mtime_ns, rdev, target, inode, links, xattrs = record
    kind = _KINDS[stat.S_IFMT(mode)]
    return Entry(
        path=RootPath(os.fsdecode(path)),
        kind=kind,
        mode=stat.S_IMODE(mode),
        uid=uid,
        gid=gid,
        size=size if kind is EntryKind.FILE else 0,
        mtime_ns=mtime_ns,
        target=os.fsdecode(target),
        device=(os.major(rdev), os.minor(rdev)) if kind in (EntryKind.CHARACTER, EntryKind.BLOCK) else (0, 0),
        inode=inode if links > 1 and kind is not EntryKind.DIRECTORY else 0,
        links=links if kind is not EntryKind.DIRECTORY else 1,
        xattrs=tuple(sorted((os.fsdecode(name), value) for name, value in xattrs.items())),
    )


class PristineTree:
    """The tree of an image, made ready in the background; a context manager that holds the container it lies in."""

    def __init__(self, engine: Engine, source: SourceImage) -> None:
        self._engine = engine
        self._source = source
        self._stack = ExitStack()
        self._pool = ThreadPoolExecutor(1, "pristine tree")

    def __enter__(self) -> Self:
        self._inside = self._stack.enter_context(Inside())
        self._ready: Future[tuple[Rootfs, tuple[str, ...]]] | None = None
        return self

    def _begun(self) -> Future[tuple[Rootfs, tuple[str, ...]]]:
        if self._ready is None:
            self._ready = self._pool.submit(self._prepare)
        return self._ready

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A container that is being made must be there before it can be removed.
        self._pool.shutdown(wait=True)
        self._stack.close()

    def _prepare(self) -> tuple[Rootfs, tuple[str, ...]]:
        container = self._stack.enter_context(self._engine.held(self._source.id))
        pid = find_gate(container.pid(), time.monotonic() + _START_SECONDS)
        if pid is None:
            raise SlimError("cannot find the container's process on this host", hint="docker slim doctor")
        with open(f"/proc/{pid}/uid_map", encoding="ascii") as file:
            if file.read().split()[:2] != ["0", "0"]:
                raise SlimError(
                    "cannot read images of an engine with user namespaces: owners are not the image's there",
                    hint="run the engine as root, without userns-remap",
                )
        self._inside.enter(pid)
        entries = self._inside.entries()
        # docker itself takes minutes over such a tree, and then cannot read it.
        if any(len(os.fsencode(entry.path)) >= _PATH_MAX for entry in entries):
            raise SlimError(
                f"cannot slim {self._source.reference}: it has directories so deep that no path leads to them",
                hint="build the image without them",
            )
        # The containerd image store does not tell where its layers are, the kernel does.
        layers = _layers_on_disk(self._source) or lower_directories(pid)[1:]
        return image_tree(entries, self._inside, layers, container.changes())

    def wait(self) -> tuple[Rootfs, tuple[str, ...]]:
        """Return the tree, and warnings about it."""
        return self._begun().result()

    def when_ready(self, tell: Callable[[Rootfs], None]) -> None:
        """Begin to read, and call `tell` with the tree once it is there; not at all when it cannot be read.

        Not to be begun before the app's own container has started: both want the engine.
        """

        def done(future: Future[tuple[Rootfs, tuple[str, ...]]]) -> None:
            if not future.exception():
                tell(future.result()[0])

        self._begun().add_done_callback(done)


def image_tree(
    found: Iterable[Entry], reader: Reader, layers: Sequence[Path], changes: Mapping[str, int]
) -> tuple[Rootfs, tuple[str, ...]]:
    """Return the image's own tree, and warnings: what `docker diff` calls added in the held container is not in it.

    `found` has parents before what is in them. `changes` maps paths to docker's kinds (0 changed, 1 added, 2 deleted).
    A directory in which docker made something has docker's mtime now; its own comes from the image's layers on disk,
    uppermost first.
    """
    added: set[str] = {path for path, kind in changes.items() if kind == 1}
    touched = [RootPath(path) for path, kind in changes.items() if kind == 0] + [RootPath("/")]
    entries: dict[RootPath, Entry] = {}
    for entry in found:
        if entry.path in added or (entry.path != "/" and entry.path.rpartition("/")[0] in added):
            added.add(entry.path)
        else:
            entries[entry.path] = entry
    warnings = []
    for path in touched:
        directory = entries.get(path)
        if directory is None or directory.kind is not EntryKind.DIRECTORY:
            continue
        status = _status_in(layers, path)
        if status is None and layers:
            # In no layer: the engine made it, to put something there.
            del entries[path]
        elif status is None:
            warnings.append(f"cannot tell when {path} was last changed: the time is docker's, not the image's")
        else:
            entries[path] = replace(
                directory,
                mode=stat.S_IMODE(status.st_mode),
                uid=status.st_uid,
                gid=status.st_gid,
                mtime_ns=status.st_mtime_ns,
            )
    return Rootfs.of(entries.values(), reader), tuple(warnings)


def _layers_on_disk(source: SourceImage) -> tuple[Path, ...]:
    """Return the directories of the image's layers, uppermost first; none when the engine keeps them otherwise."""
    data = source.graph.get("Data") or {}
    upper, lower = data.get("UpperDir", ""), data.get("LowerDir", "")
    return tuple(Path(name) for name in (upper, *lower.split(":")) if name)


def _status_in(layers: Iterable[Path], path: RootPath) -> os.stat_result | None:
    """Return the status of directory `path` in the uppermost layer that has it.

    A layer is the image's and may hold any link: each component is opened without following.
    """
    for layer in layers:
        try:
            here = os.open(layer, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            for part in filter(None, path.split("/")):
                below = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
                os.close(here)
                here = below
            return os.fstat(here)
        except OSError:
            continue
        finally:
            os.close(here)
    return None
