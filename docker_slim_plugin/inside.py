"""A process that stands in a held container's own root, and reads it for us.

    python -m docker_slim_plugin.inside SOCKET     SOCKET: an inherited descriptor of a SOCK_SEQPACKET pair

It is told a pid, enters that process's mount namespace, and makes a detached clone of the root mount alone its root
directory: it then sees the image's overlay without what docker mounts over it (volumes, /proc, /etc/hosts ...), and no
link in the image can lead it out to the host. Nothing of the image is executed, and nothing is imported afterwards.

Requests and answers, one packet each:
    b"enter PID"  -> b"ok" or b"error ERRNO text"
    b"index"      -> b"size N", and the index (marshal) in a memfd that comes with it
    b"open PATH"  -> b"ok" with the file's descriptor, or b"error ..."
"""

from __future__ import annotations

import errno
import marshal
import os
import resource
import socket
import stat
import sys

from docker_slim_plugin.linux import (
    AT_FDCWD,
    CLONE_NEWNS,
    OPEN_TREE_CLOEXEC,
    OPEN_TREE_CLONE,
    open_tree,
    setns,
)

LONGEST = 4000
"""Bytes of a path that one open(2) takes; longer ones are walked."""
OTHERS_XATTRS = ("security.selinux", "trusted.", "system.nfs4_acl", "security.ima", "security.evm")
"""Belong to the host's file system or policy, not to the image."""

Record = tuple[bytes, int, int, int, int, int, int, bytes, int, int, dict[bytes, bytes]]
"""path, st_mode, uid, gid, size, mtime_ns, rdev, link target, inode, links, xattrs"""


def enter(pid: int) -> None:
    """Make the root mount of `pid`'s mount namespace, and nothing mounted on it, this process's root directory."""
    namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    setns(namespace, CLONE_NEWNS)
    os.close(namespace)
    root = open_tree(AT_FDCWD, b"/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
    os.fchdir(root)
    os.chroot(".")
    os.close(root)


def index() -> list[Record]:
    """Return a record of every name in the tree, the root first; directories are read by descriptor, not by path."""
    root = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    os.fchdir(root)
    records = [record(b"/", b".", os.lstat("."))]
    pending: list[tuple[bytes, int, list[bytes]]] = [(b"", root, sorted(os.listdir(b".")))]
    while pending:
        prefix, directory, names = pending[-1]
        if not names:
            os.close(directory)
            pending.pop()
            if pending:
                os.fchdir(pending[-1][1])
            continue
        name = names.pop()
        status = os.lstat(name)
        path = prefix + b"/" + name
        records.append(record(path, name, status))
        if stat.S_ISDIR(status.st_mode):
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            os.fchdir(below)
            pending.append((path, below, sorted(os.listdir(b"."))))
    return records


def record(path: bytes, name: bytes, status: os.stat_result) -> Record:
    target = os.readlink(name) if stat.S_ISLNK(status.st_mode) else b""
    try:
        names = os.listxattr(name, follow_symlinks=False)
        xattrs = {
            os.fsencode(key): os.getxattr(name, key, follow_symlinks=False)
            for key in names
            if not key.startswith(OTHERS_XATTRS)
        }
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.ENODATA):
            raise
        xattrs = {}
    return (
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


def open_file(path: bytes) -> int:
    """Return a descriptor of the regular file at `path`; nothing else is ever opened (a FIFO would block)."""
    directory = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    rest = path.lstrip(b"/")
    try:
        while len(rest) > LONGEST:
            step, _, rest = rest.partition(b"/")
            below = os.open(step, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
            os.close(directory)
            directory = below
        if not stat.S_ISREG(os.stat(rest, dir_fd=directory, follow_symlinks=False).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return os.open(rest, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    finally:
        os.close(directory)


def answer(request: bytes) -> tuple[bytes, list[int]]:
    verb, _, argument = request.partition(b" ")
    if verb == b"enter":
        enter(int(argument))
        return b"ok", []
    if verb == b"index":
        data = marshal.dumps(index())
        memory = os.memfd_create("index", os.MFD_CLOEXEC)
        with open(memory, "wb", closefd=False) as file:
            file.write(data)
        return b"size %d" % len(data), [memory]
    return b"ok", [open_file(argument)]


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The depth of a tree is the image's choice, and each level is a descriptor.
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    channel = socket.socket(fileno=int(sys.argv[1]))
    while request := channel.recv(1 << 16):
        try:
            text, descriptors = answer(request)
        except OSError as error:
            text, descriptors = b"error %d %s" % (error.errno or 0, str(error).encode("utf-8", "replace")[:500]), []
        socket.send_fds(channel, [text], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


if __name__ == "__main__":
    main()
