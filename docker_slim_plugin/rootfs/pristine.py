"""The pristine tree of an image: the root mount of a container of it that never runs, read by separate processes.

The traced container changes its files, so nothing is ever read from that container.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from docker_slim_plugin.engine.container import Container
from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.engine.gate import find_gate
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.kernel.root_mount import lower_directories
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.rootfs.index_decoding import Corrections, read_index
from docker_slim_plugin.rootfs.layer_sizes import total_layer_size
from docker_slim_plugin.rootfs.reader_client import TreeProcess
from docker_slim_plugin.rootfs.sandbox import Sandbox

_START_SECONDS = 20.0
_PATH_MAX = 4096
"""Maximum length in bytes of a path for the kernel, including the NUL (linux/limits.h)."""


class PristineTree:
    """The tree of an image, prepared in the background; a context manager that keeps the container of the tree.

    The tree is also made known to the sandbox, if there is one.
    """

    def __init__(self, engine: Engine, source: SourceImage, sandbox: Sandbox | None = None) -> None:
        self._engine = engine
        self._source = source
        self._sandbox = sandbox
        self._stack = ExitStack()
        self._pool = ThreadPoolExecutor(1, "pristine tree")

    def __enter__(self) -> Self:
        self._process = self._stack.enter_context(TreeProcess())
        self._future: Future[tuple[Rootfs, tuple[str, ...]]] | None = None
        return self

    def _start(self) -> Future[tuple[Rootfs, tuple[str, ...]]]:
        if self._future is None:
            self._future = self._pool.submit(self._prepare)
        return self._future

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A container that is being created must exist before it can be removed.
        self._pool.shutdown(wait=True)
        self._stack.close()

    def _prepare(self) -> tuple[Rootfs, tuple[str, ...]]:
        container = self._stack.enter_context(self._engine.gated_container(self._source.id))
        pid = find_gate(container.pid(), time.monotonic() + _START_SECONDS)
        if pid is None:
            raise SlimError("cannot find the container's process on this host", hint="docker slim doctor")
        with open(f"/proc/{pid}/uid_map", encoding="ascii") as file:
            if file.read().split()[:2] != ["0", "0"]:
                raise SlimError(
                    "cannot read images of an engine with user namespaces: it maps the owners of files",
                    hint="run the engine as root, without userns-remap",
                )
        self._process.mount(pid)
        index, size = self._process.index()
        try:
            return self._read(index, size, container, pid)
        finally:
            os.close(index)

    def _read(self, index: int, size: int, container: Container, pid: int) -> tuple[Rootfs, tuple[str, ...]]:
        entries = read_index(index, size)
        # docker itself needs minutes for such a tree, and then cannot read it.
        if any(len(os.fsencode(path)) >= _PATH_MAX for path in entries):
            raise SlimError(
                f"cannot slim {self._source.reference}: its directories are nested too deeply for any path",
                hint="build the image without them",
            )
        # The containerd image store does not report the directories of its layers, the kernel does.
        on_disk = _layers_on_disk(self._source)
        layers = on_disk or lower_directories(pid)[1:]
        unmeasured = () if on_disk else self._measure(layers)
        corrections, warnings = engine_corrections(entries.values(), layers, container.changes())
        rootfs = Rootfs.by_path(corrections.apply(entries), self._process)
        if self._sandbox:
            self._sandbox.add_tree(rootfs, self._process, (index, size), corrections)
        return rootfs, (*unmeasured, *warnings)

    def _measure(self, layers: Sequence[Path]) -> tuple[str, ...]:
        """Set the image's size from the layers on disk; return a warning when they cannot be read."""
        size = total_layer_size(layers)
        if layers and size is None:
            return (f"the size of {self._source.reference} is the engine's count: whole blocks, directories included",)
        if layers and size is not None:
            self._source = replace(self._source, size=size)
        return ()

    def measured(self) -> SourceImage:
        """Wait for the tree; return the image, with its size from the layers where the engine does not report it."""
        self.wait()
        return self._source

    def wait(self) -> tuple[Rootfs, tuple[str, ...]]:
        """Wait for the tree; return it and its warnings."""
        return self._start().result()

    def when_ready(self, use: Callable[[Rootfs], None]) -> None:
        """Start reading, and call `use` with the tree when it is ready; not at all when reading fails.

        Must not be called before the app's own container has started, because both need the engine.
        """

        def done(future: Future[tuple[Rootfs, tuple[str, ...]]]) -> None:
            if not future.exception():
                use(future.result()[0])

        self._start().add_done_callback(done)


def engine_corrections(
    found: Iterable[Entry], layers: Sequence[Path], changes: Mapping[str, int]
) -> tuple[Corrections, tuple[str, ...]]:
    """Return the corrections of files that the engine has created in the container, and warnings.

    `found` has directories before their content. `changes` maps paths to the kinds of `docker diff` (0 changed, 1
    added, 2 deleted). A directory in which the engine has created a file has a new mtime; the original one comes from
    the image's layers on disk, uppermost first.
    """
    removed: set[str] = {path for path, kind in changes.items() if kind == 1}
    changed = dict.fromkeys([*(path for path, kind in changes.items() if kind == 0), "/"])
    directories: dict[RootPath, Entry] = {}
    for entry in found:
        if entry.path in removed or (entry.path != "/" and entry.path.rpartition("/")[0] in removed):
            removed.add(entry.path)
        elif entry.path in changed and entry.kind is EntryKind.DIRECTORY:
            directories[entry.path] = entry
    warnings = []
    replaced: list[Entry] = []
    for path in filter(directories.__contains__, map(RootPath, changed)):
        directory = directories[path]
        status = _layer_status(layers, path)
        if status is None and layers:
            # In no layer: the engine created this directory for a file.
            removed.add(path)
        elif status is None:
            warnings.append(f"cannot determine the modification time of {path} in the image: docker has changed it")
        else:
            replaced.append(
                replace(
                    directory,
                    mode=stat.S_IMODE(status.st_mode),
                    uid=status.st_uid,
                    gid=status.st_gid,
                    mtime_ns=status.st_mtime_ns,
                )
            )
    return Corrections(frozenset(map(RootPath, removed)), tuple(replaced)), tuple(warnings)


def _layers_on_disk(source: SourceImage) -> tuple[Path, ...]:
    """Return the directories of the image's layers, uppermost first; empty when the engine does not report them."""
    data = source.graph.get("Data") or {}
    upper, lower = data.get("UpperDir", ""), data.get("LowerDir", "")
    return tuple(Path(name) for name in (upper, *lower.split(":")) if name)


def _layer_status(layers: Iterable[Path], path: RootPath) -> os.stat_result | None:
    """Return the status of directory `path` in the uppermost layer that has it.

    A layer belongs to the image and may contain any symlink, so each component is opened with O_NOFOLLOW.
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
