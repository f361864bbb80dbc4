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

MOST_NAMESPACES, MOST_MOUNTS = 256, 100_000
"""Held at a time; who makes more has the first ones read again, or forgotten."""
MOST_LINKS = 40
"""Symlinks in one lookup: path_resolution(7)."""


class Shown(NamedTuple):
    """One mount, as the image's names have it."""

    point: str
    """Where it is, in its mount namespace."""
    root: str | None
    """What it shows of the image; None where that is another file system."""

    def name(self, path: str) -> str | None:
        """Return what a path in it is called in the image."""
        if self.root is None:
            return None
        # What has been moved or unmounted since begins elsewhere, or at its own root.
        inside = path == self.point or path.startswith(f"{self.point.rstrip('/')}/")
        rest = (path.removeprefix(self.point) if inside else path).lstrip("/")
        return f"{self.root.rstrip('/')}/{rest}" if rest else self.root


class Names:
    """What one mount namespace shows of the container's tree."""

    def __init__(self, shown: Iterable[Shown], *, whole: bool) -> None:
        self._by_point = {one.point: one for one in shown}
        self.differ = any(one.root not in (None, one.point) for one in self._by_point.values())
        """Whether any file is called otherwise than in the image."""
        self.whole = whole
        """Whether all of it was seen: not from within a chroot(2)."""

    def in_image(self, path: str) -> str | None:
        """Return what an absolute path, without links or ".." in it, is called in the image; None where it is not."""
        point = path
        while point not in self._by_point:
            if point == "/":
                return path
            point = posixpath.dirname(point)
        return self._by_point[point].name(path)


def shown(mounted: Iterable[Mount], tree: Mount, own_root: str) -> dict[int, Shown]:
    """Return the mounts that a process sees, by their ids; `tree` is the container's, `own_root` the process's root."""
    found = {}
    for mount in mounted:
        # In a chroot(2), mount points are told from there.
        point = mount.point if own_root == "/" else (own_root + mount.point).rstrip("/")
        top = tree.root.rstrip("/")
        ours = mount.device == tree.device and f"{mount.root}/".startswith(f"{top}/")
        found[mount.id] = Shown(point, (mount.root.removeprefix(top) or "/") if ours else None)
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
        self.shown = shown(mounts(self._file.read()), self._tree, self._own_root)
        self.names = Names(self.shown.values(), whole=self._own_root == "/")

    def has_changed(self) -> bool:
        """Tell, once, whether anything has been mounted or unmounted since; it is `outdated` then for good."""
        changed = bool(self._changes.poll(0))
        self.outdated |= changed
        return changed

    def close(self) -> None:
        self._file.close()


class Mounts:
    """The mount namespaces of a container's processes, read as they come up and again when they change."""

    def __init__(self, pid: int) -> None:
        """Begin with a process that sees the container's tree as the image has it; OSError when it does not."""
        with open(f"/proc/{pid}/mountinfo", "rb") as file:
            tree = root_of(file.read())
        if not tree:
            raise OSError(errno.EXDEV, "in a chroot(2) of its own")
        self._tree = tree
        self._known: dict[int, _Namespace] = {}
        self._ever: dict[int, Shown] = {}
        """Every mount that was seen, by its id."""
        self.nameless = 0
        """Files of which nobody could tell any more what they are called."""

    def close(self) -> None:
        for known in self._known.values():
            known.close()
        self._known.clear()

    def names(self, pid: int) -> Names:
        """Return what `pid` sees; OSError when it has ended."""
        number = os.stat(f"/proc/{pid}/ns/mnt").st_ino
        known = self._known.get(number)
        current = known and not (known.has_changed() or known.outdated)
        if known and current and (known.names.whole or os.readlink(f"/proc/{pid}/root") != "/"):
            return known.names
        fresh = _Namespace(pid, self._tree)
        if known or len(self._known) >= MOST_NAMESPACES:
            self._known.pop(number if known else next(iter(self._known))).close()
        self._known[number] = fresh
        self._note(fresh)
        return fresh.names

    def _note(self, namespace: _Namespace) -> None:
        if len(self._ever) > MOST_MOUNTS:
            self._ever.clear()
        self._ever.update(namespace.shown)

    def opened(self, pid: int, descriptor: int, path: str) -> str:
        """Return what a file that `pid` has opened, and that we have as `descriptor`, is called in the image.

        `path` is what the kernel called it a moment ago.
        """
        with contextlib.suppress(OSError):
            if not self.names(pid).differ:
                return path
        # By its mount: that is the same where the process has ended, or something was mounted meanwhile.
        with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as file:
            number = int(dict(line.split(":", 1) for line in file)["mnt_id"])
        for known in self._known.values():
            if known.has_changed():
                known.read()
                self._note(known)
        mount = self._ever.get(number)
        self.nameless += mount is None and number != self._tree.id
        return (mount and mount.name(path)) or path


class _Stand:
    """Where a lookup stands in a process's root: each directory on the way down is open, none was found by a link."""

    def __init__(self, pid: int, root: str) -> None:
        descriptor = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._steps = [(root, descriptor)]

    @property
    def path(self) -> str:
        return self._steps[-1][0]

    def down(self, name: str) -> str | None:
        """Go to what is called `name` here; return where it leads to if it is a symlink, and None otherwise."""
        path, directory = self._steps[-1]
        descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        self._steps.append((f"{path}/{name}", descriptor))
        return os.readlink("", dir_fd=descriptor) if stat.S_ISLNK(os.fstat(descriptor).st_mode) else None

    def up(self) -> None:
        if len(self._steps) > 1:
            os.close(self._steps.pop()[1])

    def top(self) -> None:
        while len(self._steps) > 1:
            self.up()

    def close(self) -> None:
        self.top()
        os.close(self._steps[0][1])


def lookup(pid: int, path: str, root: str, seen: Names) -> Iterator[tuple[str, bool]]:
    """Yield what a path of `pid` leads through, by the image's names: (path, whether it is a symlink), the end last.

    `path` starts where the mount namespace does and lies below `root`, that of the process. The kernel is asked, one
    component at a time, and only for what is the image's: whoever serves another file system may be waiting for us.
    """
    top = root.rstrip("/")
    if path.startswith(f"{top}/"):
        # OSError: there is nothing of that name.
        with contextlib.suppress(OSError), contextlib.closing(_Stand(pid, top)) as stand:
            yield from _lookup(stand, path.removeprefix(top), seen)


def _lookup(stand: _Stand, path: str, seen: Names) -> Iterator[tuple[str, bool]]:
    pending = path.split("/")[::-1]
    links = 0
    while pending:
        part = pending.pop()
        if part == "..":
            stand.up()
        if part in ("", ".", ".."):
            continue
        name = seen.in_image(f"{stand.path}/{part}")
        if name is None:
            return
        target = stand.down(part)
        if target is not None:
            yield name, True
            links += 1
            if links > MOST_LINKS:
                return
            stand.top() if target.startswith("/") else stand.up()
            pending.extend(target.split("/")[::-1])
    end = seen.in_image(stand.path or "/")
    if end is not None:
        yield end, False
