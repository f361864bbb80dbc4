"""Mounts that the app makes itself: what a file is called in the image that a process calls by another name.

A bind mount shows a part of the tree at another place, in the container's mount namespace or in one of the app's own
(unshare(2): sandboxes, systemd's units). Which part it is and where it is shown, /proc tells of each process.
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

from docker_slim_plugin.kernel.mountinfo import Mount, mounts
from docker_slim_plugin.kernel.root_mount import root_of

MAX_NAMESPACES, MAX_MOUNTS = 256, 100_000
"""Held at a time; who makes more has the first ones read again, or forgotten."""
MAX_LINKS = 40
"""Symlinks in one lookup: path_resolution(7)."""


class VisibleMount(NamedTuple):
    """One mount, as the image's names have it."""

    point: str
    """Where it is, in its mount namespace."""
    root: str | None
    """What it shows of the image; None where that is another file system."""

    def image_path(self, path: str) -> str | None:
        """Return what a path in it is called in the image."""
        if self.root is None:
            return None
        # What has been moved or unmounted since begins elsewhere, or at its own root.
        inside = path == self.point or path.startswith(f"{self.point.rstrip('/')}/")
        rest = (path.removeprefix(self.point) if inside else path).lstrip("/")
        return f"{self.root.rstrip('/')}/{rest}" if rest else self.root


class NamespaceView:
    """What one mount namespace shows of the container's tree."""

    def __init__(self, shown: Iterable[VisibleMount], *, is_complete: bool) -> None:
        self._by_point = {mount.point: mount for mount in shown}
        self.has_other_names = any(mount.root not in (None, mount.point) for mount in self._by_point.values())
        """Whether any file is called otherwise than in the image."""
        self.is_complete = is_complete
        """Whether all of it was seen: not from within a chroot(2)."""

    def image_path(self, path: str) -> str | None:
        """Return what an absolute path, without links or ".." in it, is called in the image; None where it is not."""
        point = path
        while point not in self._by_point:
            if point == "/":
                return path
            point = posixpath.dirname(point)
        return self._by_point[point].image_path(path)


def visible_mounts(mounted: Iterable[Mount], tree: Mount, own_root: str) -> dict[int, VisibleMount]:
    """Return the mounts that a process sees, by their ids; `tree` is the container's, `own_root` the process's root."""
    found = {}
    for mount in mounted:
        # In a chroot(2), mount points are told from there.
        point = mount.point if own_root == "/" else (own_root + mount.point).rstrip("/")
        prefix = tree.root.rstrip("/")
        ours = mount.device == tree.device and f"{mount.root}/".startswith(f"{prefix}/")
        found[mount.id] = VisibleMount(point, (mount.root.removeprefix(prefix) or "/") if ours else None)
    return found


class _Namespace:
    """A mount namespace, by the mountinfo of one of its processes, which can be read when that has ended, too."""

    def __init__(self, pid: int, tree: Mount) -> None:
        self._tree = tree
        self._own_root = os.readlink(f"/proc/{pid}/root")
        # Unbuffered: to be read again when it has changed.
        self._file = open(f"/proc/{pid}/mountinfo", "rb", buffering=0)  # noqa: SIM115
        # It is pollable, as in the manual page proc_pid_mounts(5).
        self._changes = select.poll()
        self._changes.register(self._file, select.POLLPRI)
        self.outdated = False
        """Whether another process is to be asked: the root of this one may not be theirs any more (pivot_root(2))."""
        self.read()

    def read(self) -> None:
        self._file.seek(0)
        self.shown = visible_mounts(mounts(self._file.read()), self._tree, self._own_root)
        self.view = NamespaceView(self.shown.values(), is_complete=self._own_root == "/")

    def has_changed(self) -> bool:
        """Tell, once, whether anything has been mounted or unmounted since; it is `outdated` then for good."""
        changed = bool(self._changes.poll(0))
        self.outdated |= changed
        return changed

    def close(self) -> None:
        self._file.close()


class MountNamespaces:
    """The mount namespaces of a container's processes, read as they come up and again when they change."""

    def __init__(self, pid: int) -> None:
        """Begin with a process that sees the container's tree as the image has it; OSError when it does not."""
        with open(f"/proc/{pid}/mountinfo", "rb") as file:
            tree = root_of(file.read())
        if not tree:
            raise OSError(errno.EXDEV, "in a chroot(2) of its own")
        self._tree = tree
        self._cached: dict[int, _Namespace] = {}
        self._by_mount_id: dict[int, VisibleMount] = {}
        """Every mount that was seen, by its id."""
        self.unresolved = 0
        """Files of which nobody could tell any more what they are called."""

    def close(self) -> None:
        for cached in self._cached.values():
            cached.close()
        self._cached.clear()

    def view(self, pid: int) -> NamespaceView:
        """Return what `pid` sees; OSError when it has ended."""
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
        """Return what a file that `pid` has opened, and that we have as `descriptor`, is called in the image.

        `path` is what the kernel called it a moment ago.
        """
        with contextlib.suppress(OSError):
            if not self.view(pid).has_other_names:
                return path
        # By its mount: that is the same where the process has ended, or something was mounted meanwhile.
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
    """Where a lookup stands in a process's root: each directory on the way down is open, none was found by a link."""

    def __init__(self, pid: int, root: str) -> None:
        descriptor = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._steps = [(root, descriptor)]

    @property
    def path(self) -> str:
        return self._steps[-1][0]

    def descend(self, name: str) -> str | None:
        """Go to what is called `name` here; return where it leads to if it is a symlink, and None otherwise."""
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


def lookup(pid: int, path: str, root: str, seen: NamespaceView) -> Iterator[tuple[str, bool]]:
    """Yield what a path of `pid` leads through, by the image's names: (path, whether it is a symlink), the end last.

    `path` starts where the mount namespace does and lies below `root`, that of the process. The kernel is asked, one
    component at a time, and only for what is the image's: whoever serves another file system may be waiting for us.
    """
    prefix = root.rstrip("/")
    if path.startswith(f"{prefix}/"):
        # OSError: there is nothing of that name.
        with contextlib.suppress(OSError), contextlib.closing(_DirectoryWalk(pid, prefix)) as walk:
            yield from _lookup(walk, path.removeprefix(prefix), seen)


def _lookup(walk: _DirectoryWalk, path: str, seen: NamespaceView) -> Iterator[tuple[str, bool]]:
    pending = path.split("/")[::-1]
    links = 0
    while pending:
        part = pending.pop()
        if part == "..":
            walk.ascend()
        if part in ("", ".", ".."):
            continue
        name = seen.image_path(f"{walk.path}/{part}")
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
    end = seen.image_path(walk.path or "/")
    if end is not None:
        yield end, False
