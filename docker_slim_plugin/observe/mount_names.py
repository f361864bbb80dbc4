"""The image's paths of files that the app names by other paths, because it has mounted parts of the image itself.

A bind mount shows a part of the tree at another path, in the container's mount namespace or in one of the app's own
(unshare(2): sandboxes, units of systemd). The mountinfo of each process tells which part, and where.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import select
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from docker_slim_plugin.kernel.mountinfo import Mount, parse_mountinfo
from docker_slim_plugin.kernel.root_mount import find_root_mount

MAX_NAMESPACES, MAX_MOUNTS = 256, 100_000
"""Maximum number of namespaces and mounts to cache; beyond it, namespaces are read again and mounts are forgotten."""
MAX_LINKS = 40
"""Maximum number of symlinks in one lookup: path_resolution(7)."""


class VisibleMount(NamedTuple):
    """A mount in a mount namespace, and what it shows of the image."""

    point: str
    """The mount point in its mount namespace."""
    root: str | None
    """The directory of the image that is mounted; None for another file system."""

    def image_path(self, path: str) -> str | None:
        """Return the image's path of a file in this mount, named by `path`; None when it is on another file system."""
        if self.root is None:
            return None
        # A path in a mount that has been moved or unmounted starts elsewhere, or at the root of the mount.
        inside = path == self.point or path.startswith(f"{self.point.rstrip('/')}/")
        rest = (path.removeprefix(self.point) if inside else path).lstrip("/")
        return f"{self.root.rstrip('/')}/{rest}" if rest else self.root


class NamespaceView:
    """The view of the container's tree in one mount namespace."""

    def __init__(self, shown: Iterable[VisibleMount], *, is_complete: bool) -> None:
        self._by_point = {mount.point: mount for mount in shown}
        self.has_other_names = any(mount.root not in (None, mount.point) for mount in self._by_point.values())
        """Whether any file of the image has another path than in the image."""
        self.is_complete = is_complete
        """Whether the view is complete, because it was not read inside a chroot(2)."""

    def image_path(self, path: str) -> str | None:
        """Return the image's path of an absolute path without symlinks and ".."; None when it is not in the image."""
        point = path
        while point not in self._by_point:
            if point == "/":
                return path
            point = posixpath.dirname(point)
        return self._by_point[point].image_path(path)


def visible_mounts(mounted: Iterable[Mount], tree: Mount, own_root: str) -> dict[int, VisibleMount]:
    """Return the mounts that a process sees, by id.

    `tree` is the container's root mount, `own_root` the root of the process.
    """
    found = {}
    for mount in mounted:
        # In a chroot(2), mount points are relative to its root.
        point = mount.point if own_root == "/" else (own_root + mount.point).rstrip("/")
        prefix = tree.root.rstrip("/")
        ours = mount.device == tree.device and f"{mount.root}/".startswith(f"{prefix}/")
        found[mount.id] = VisibleMount(point, (mount.root.removeprefix(prefix) or "/") if ours else None)
    return found


class _Namespace:
    """A mount namespace, read from the mountinfo of one of its processes.

    The open file stays readable after that process has ended.
    """

    def __init__(self, pid: int, tree: Mount) -> None:
        self._tree = tree
        self._own_root = os.readlink(f"/proc/{pid}/root")
        # Unbuffered, because it is read again after changes.
        self._file = open(f"/proc/{pid}/mountinfo", "rb", buffering=0)  # noqa: SIM115
        # The file supports poll(2): proc_pid_mounts(5).
        self._changes = select.poll()
        self._changes.register(self._file, select.POLLPRI)
        self.outdated = False
        """Whether another process must be read: pivot_root(2) may have given the others another root."""
        self.read()

    def read(self) -> None:
        self._file.seek(0)
        self.shown = visible_mounts(parse_mountinfo(self._file.read()), self._tree, self._own_root)
        self.view = NamespaceView(self.shown.values(), is_complete=self._own_root == "/")

    def has_changed(self) -> bool:
        """Tell whether anything has been mounted or unmounted since the last call; then `outdated` stays set."""
        changed = bool(self._changes.poll(0))
        self.outdated |= changed
        return changed

    def close(self) -> None:
        self._file.close()


class MountNamespaces:
    """The mount namespaces of a container's processes; read on first use, and again when they change."""

    def __init__(self, pid: int) -> None:
        """Use the root mount of `pid` as the container's tree; OSError when `pid` is in a chroot(2)."""
        with open(f"/proc/{pid}/mountinfo", "rb") as file:
            tree = find_root_mount(file.read())
        if not tree:
            raise OSError(errno.EXDEV, "in a chroot(2) of its own")
        self._tree = tree
        self._cached: dict[int, _Namespace] = {}
        self._by_mount_id: dict[int, VisibleMount] = {}
        """Every mount that was ever seen, by id."""
        self.unresolved = 0
        """Number of opened files whose path in the image could not be determined."""

    def close(self) -> None:
        for cached in self._cached.values():
            cached.close()
        self._cached.clear()

    def view(self, pid: int) -> NamespaceView:
        """Return the view of `pid`; OSError when it has ended."""
        number = os.stat(f"/proc/{pid}/ns/mnt").st_ino
        cached = self._cached.get(number)
        current = cached and not (cached.has_changed() or cached.outdated)
        if cached and current and (cached.view.is_complete or os.readlink(f"/proc/{pid}/root") != "/"):
            return cached.view
        namespace = _Namespace(pid, self._tree)
        if cached or len(self._cached) >= MAX_NAMESPACES:
            self._cached.pop(number if cached else next(iter(self._cached))).close()
        self._cached[number] = namespace
        self._remember(namespace)
        return namespace.view

    def _remember(self, namespace: _Namespace) -> None:
        if len(self._by_mount_id) > MAX_MOUNTS:
            self._by_mount_id.clear()
        self._by_mount_id.update(namespace.shown)

    def opened_file_path(self, pid: int, descriptor: int, path: str) -> str:
        """Return the image's path of a file that `pid` has opened; `descriptor` is our own descriptor of it.

        `path` is the path that the kernel gave for it.
        """
        with contextlib.suppress(OSError):
            if not self.view(pid).has_other_names:
                return path
        # By mount id: that is valid even if the process has ended, or something was mounted meanwhile.
        with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as file:
            number = int(dict(line.split(":", 1) for line in file)["mnt_id"])
        for cached in self._cached.values():
            if cached.has_changed():
                cached.read()
                self._remember(cached)
        mount = self._by_mount_id.get(number)
        self.unresolved += mount is None and number != self._tree.id
        return (mount and mount.image_path(path)) or path


class _DirectoryWalk:
    """The position of a lookup below a process's root: a stack of open directories, none reached by a symlink."""

    def __init__(self, pid: int, root: str) -> None:
        descriptor = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._steps = [(root, descriptor)]

    @property
    def path(self) -> str:
        return self._steps[-1][0]

    def descend(self, name: str) -> str | None:
        """Go to the entry `name` of the current directory; return its target if it is a symlink, None otherwise."""
        path, directory = self._steps[-1]
        descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        self._steps.append((f"{path}/{name}", descriptor))
        return os.readlink("", dir_fd=descriptor) if stat.S_ISLNK(os.fstat(descriptor).st_mode) else None

    def ascend(self) -> None:
        if len(self._steps) > 1:
            os.close(self._steps.pop()[1])

    def to_root(self) -> None:
        while len(self._steps) > 1:
            self.ascend()

    def close(self) -> None:
        self.to_root()
        os.close(self._steps[0][1])


def lookup(pid: int, path: str, root: str, view: NamespaceView) -> Iterator[tuple[str, bool]]:
    """Yield (path in the image, whether it is a symlink) for each symlink on the way of `path`, and for its end.

    `path` is absolute in the mount namespace of `pid` and lies below `root`, the root of the process. Each component is
    looked up by the kernel on its own, and only on the image's file system: a lookup on another file system may block.
    """
    prefix = root.rstrip("/")
    if path.startswith(f"{prefix}/"):
        # OSError: no such file.
        with contextlib.suppress(OSError), contextlib.closing(_DirectoryWalk(pid, prefix)) as walk:
            yield from _lookup(walk, path.removeprefix(prefix), view)


def _lookup(walk: _DirectoryWalk, path: str, view: NamespaceView) -> Iterator[tuple[str, bool]]:
    pending = path.split("/")[::-1]
    links = 0
    while pending:
        part = pending.pop()
        if part == "..":
            walk.ascend()
        if part in ("", ".", ".."):
            continue
        name = view.image_path(f"{walk.path}/{part}")
        if name is None:
            return
        target = walk.descend(part)
        if target is not None:
            yield name, True
            links += 1
            if links > MAX_LINKS:
                return
            walk.to_root() if target.startswith("/") else walk.ascend()
            pending.extend(target.split("/")[::-1])
    end = view.image_path(walk.path or "/")
    if end is not None:
        yield end, False
