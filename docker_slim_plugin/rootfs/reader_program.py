r"""The process that reads an image's tree: names and metadata of all files, and descriptors of regular files.

    python -m docker_slim_plugin.rootfs.reader_program SOCKET OTHER     inherited descriptors of SOCK_SEQPACKET pairs

Its own root is the host's. It receives a descriptor of the image's root mount (mount_clone.py), and looks up every name
below it with openat2(2), without following symlinks. It runs as an unprivileged user with CAP_DAC_READ_SEARCH, so that
it may open every file, but it reads no content: that is for the process that asks. It exits when SOCKET is closed.

Requests and responses are one packet each; OTHER accepts only requests to open files:
    b"root" with a descriptor  -> b"ok"
    b"index"                   -> b"size N", with a memfd that contains the index (index_format.py)
    b"open PATH"               -> b"ok" with a descriptor of the file
    b"open-many PATH\0PATH..."  -> b"opened 1011..." with a descriptor of each file that has a 1
    and to any of them         -> b"error ERRNO text"
"""

from __future__ import annotations

import errno
import os
import resource
import select
import socket
import stat
import sys
from collections.abc import Iterator

from docker_slim_plugin.host import descriptor_passing
from docker_slim_plugin.host.privileges import drop_privileges
from docker_slim_plugin.kernel.syscalls import (
    CAP_DAC_READ_SEARCH,
    RESOLVE_BENEATH,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
    openat2,
)
from docker_slim_plugin.rootfs.index import MAX_OPEN
from docker_slim_plugin.rootfs.index_format import Record, pack

MAX_OPENAT2_PATH = 4000
"""Maximum length in bytes of a path for one openat2(2); longer ones are opened in several steps."""
PATH_MAX = 4096
"""Length in bytes from which a path cannot be used any more: directories below it are not read."""
IGNORED_XATTRS = ("security.selinux", "trusted.", "system.nfs4_acl", "security.ima", "security.evm")
"""Attributes that belong to the host's file system or security policy, and not to the image."""
RESOLVE_STRICT = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def build_index(root: int) -> Iterator[Record]:
    """Yield a record of every name in the tree, "/" first; directories are read by descriptor, not by path."""
    # `root` is an O_PATH descriptor, which cannot be listed.
    top = os.open(".", DIRECTORY, dir_fd=root)
    yield read_record(b"/", top, b".")
    pending: list[tuple[bytes, int, list[str]]] = [(b"", top, sorted(os.listdir(top)))]
    while pending:
        prefix, directory, names = pending[-1]
        if not names:
            os.close(directory)
            pending.pop()
            continue
        name = os.fsencode(names.pop())
        path = prefix + b"/" + name
        try:
            found = read_record(path, directory, name)
        except FileNotFoundError:
            # A directory of a single layer also lists its whiteouts; there is no file.
            continue
        yield found
        if stat.S_ISDIR(found.mode) and len(path) < PATH_MAX:
            below = os.open(name, DIRECTORY, dir_fd=directory)
            pending.append((path, below, sorted(os.listdir(below))))


def read_record(path: bytes, directory: int, name: bytes) -> Record:
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    target = os.readlink(name, dir_fd=directory) if stat.S_ISLNK(status.st_mode) else b""
    # No listxattr takes a directory descriptor. The magic link in /proc is followed, `name` is not.
    place = b"/proc/self/fd/%d/%s" % (directory, name)
    try:
        xattrs = {
            os.fsencode(key): os.getxattr(place, key, follow_symlinks=False)
            for key in os.listxattr(place, follow_symlinks=False)
            if not key.startswith(IGNORED_XATTRS)
        }
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.ENODATA):
            raise
        xattrs = {}
    return Record(
        path,
        status.st_mode,
        status.st_uid,
        status.st_gid,
        status.st_size,
        status.st_mtime_ns,
        status.st_rdev,
        target,
        status.st_ino,
        status.st_nlink,
        xattrs,
    )


def open_file(root: int, path: bytes) -> int:
    """Return a descriptor of the regular file at `path`; no other file is ever opened (a FIFO would block)."""
    directory, rest = os.dup(root), path.lstrip(b"/")
    try:
        while len(rest) > MAX_OPENAT2_PATH:
            # As many whole components as fit.
            step, _, _ = rest[:MAX_OPENAT2_PATH].rpartition(b"/")
            if not step:
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
            below = open_beneath(directory, step, os.O_PATH | os.O_DIRECTORY)
            os.close(directory)
            directory, rest = below, rest[len(step) + 1 :]
        place = open_beneath(directory, rest, os.O_PATH)
    finally:
        os.close(directory)
    try:
        if not stat.S_ISREG(os.fstat(place).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(place)


def open_beneath(directory: int, path: bytes, flags: int) -> int:
    """Open `path` below `directory` without following any symlink."""
    while True:
        try:
            return openat2(directory, path, flags, RESOLVE_STRICT)
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise


class TreeReader:
    """Handles requests about one tree."""

    def __init__(self) -> None:
        self.root = -1

    def handle(self, request: bytes, descriptor: int | None, *, trusted: bool) -> tuple[bytes, tuple[int, ...]]:
        """Return the response and the descriptors in it; a channel that is not `trusted` may only open files."""
        verb, _, argument = request.partition(b" ")
        if verb == b"open":
            return b"ok", (open_file(self.root, argument),)
        if verb == b"open-many":
            return self._open_many(argument.split(b"\0", MAX_OPEN)[:MAX_OPEN])
        if verb == b"root" and trusted and descriptor is not None:
            self.root = os.dup(descriptor)
            return b"ok", ()
        if verb == b"index" and trusted:
            with open(os.memfd_create("index", os.MFD_CLOEXEC), "wb") as file:
                size = sum(file.write(part) for part in pack(build_index(self.root)))
                file.flush()
                return b"size %d" % size, (os.dup(file.fileno()),)
        raise OSError(errno.EINVAL, "no such request")

    def serve(self, channel: socket.socket, *, trusted: bool) -> bool:
        """Handle one request; return False at the end of the channel."""
        request, descriptor = descriptor_passing.receive_one(channel)
        if not request:
            return False
        try:
            text, found = self.handle(request, descriptor, trusted=trusted)
        except OSError as error:
            text, found = b"error %d %s" % (error.errno or 0, (error.strerror or "").encode("utf-8", "replace")), ()
        finally:
            if descriptor is not None:
                os.close(descriptor)
        try:
            descriptor_passing.send(channel, text, *found)
        finally:
            for one in found:
                os.close(one)
        return True

    def _open_many(self, paths: list[bytes]) -> tuple[bytes, tuple[int, ...]]:
        flags, found = bytearray(b"opened "), []
        for path in paths:
            try:
                found.append(open_file(self.root, path))
                flags += b"1"
            except OSError:
                flags += b"0"
        return bytes(flags), tuple(found)


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Each level of the tree needs a descriptor, and the image determines the depth.
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    drop_privileges({CAP_DAC_READ_SEARCH})
    trusted, other = (socket.socket(fileno=int(word)) for word in sys.argv[1:3])
    # A client that does not read its responses must not block the other one.
    other.setblocking(False)
    channels = {trusted.fileno(): trusted, other.fileno(): other}
    poll = select.poll()
    for number in channels:
        poll.register(number, select.POLLIN)
    reader = TreeReader()
    while True:
        for number, _ in poll.poll():
            try:
                is_open = reader.serve(channels[number], trusted=channels[number] is trusted)
            except (BrokenPipeError, ConnectionResetError, BlockingIOError):
                is_open = False
            if not is_open and channels[number] is trusted:
                return
            if not is_open:
                poll.unregister(number)
                channels[number].close()


if __name__ == "__main__":
    main()
