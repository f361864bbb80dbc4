"""The process that clones the root mount of a mount namespace, and exits.

    python -m docker_slim_plugin.rootfs.mount_clone SOCKET     SOCKET: an inherited descriptor of a SOCK_SEQPACKET pair

It waits for a packet with a descriptor of a mount namespace (/proc/PID/ns/mnt). It answers b"0" with a descriptor of a
detached clone of the mount at "/" there, or b"ERRNO" without one. The clone is read-only, nodev, nosuid and noexec. It
contains only the image's overlay: nothing that is mounted on it (volumes, /proc, /etc/hosts ...).

setns(2) makes the namespace's root the root and working directory of this process, the only process of ours for which
that is the case. From then on any path lookup would be in the image, so there must be none. The process is
single-threaded, spawned (not forked), has no environment and no output, and loads everything before. Two guards enforce
this: an audit hook (PEP 578) ends it at any event but those of its own calls, for example at an import, an open file or
the source lines of a traceback; a seccomp filter ends it at any system call but its own four and those of the
allocator. It exits with _exit(2), and any signal ends it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys

from docker_slim_plugin.host import descriptor_passing
from docker_slim_plugin.host.confinement import allow_only
from docker_slim_plugin.host.privileges import drop_privileges
from docker_slim_plugin.kernel.syscalls import (
    AT_FDCWD,
    CAP_SYS_ADMIN,
    CAP_SYS_CHROOT,
    CLONE_NEWNS,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    OPEN_TREE_CLOEXEC,
    OPEN_TREE_CLONE,
    mount_setattr,
    open_tree,
    setns,
)

ATTRIBUTES = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC
ALLOWED_EVENTS = frozenset({"ctypes.call_function", "ctypes.get_errno", "socket.sendmsg"})
"""Audit events that may occur after setns(2); see "Audit events table" in Python's documentation."""
ALLOWED_CALLS = ("setns", "open_tree", "mount_setattr", "sendmsg")
EXIT_VIOLATION = 70
"""Exit status when any other event occurs (EX_SOFTWARE, sysexits.h)."""


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    _prepare()
    _, namespace = descriptor_passing.receive_one(channel)
    if namespace is None:
        os._exit(0)
    allow_only(ALLOWED_CALLS)
    sys.addaudithook(_audit)
    try:
        clone = _clone(namespace)
        descriptor_passing.send(channel, b"0", clone)
    except OSError as error:
        descriptor_passing.send(channel, b"%d" % (error.errno or 0))
    finally:
        os._exit(0)


def _clone(namespace: int) -> int:
    setns(namespace, CLONE_NEWNS)
    clone = open_tree(AT_FDCWD, b"/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
    mount_setattr(clone, ATTRIBUTES)
    return clone


def _prepare() -> None:
    """Drop privileges, and load everything that could otherwise be loaded later."""
    # glibc loads this library when a thread is cancelled.
    with contextlib.suppress(OSError):
        ctypes.CDLL("libgcc_s.so.1")
    for number in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    # The first error looks up its text (strerror(3)): do that now, in the C locale, which has no message catalogue.
    with contextlib.suppress(OSError):
        open_tree(-1, b"", 0)
    drop_privileges({CAP_SYS_ADMIN, CAP_SYS_CHROOT})
    gc.disable()


def _audit(event: str, _: tuple[object, ...]) -> None:
    if event not in ALLOWED_EVENTS:
        os._exit(EXIT_VIOLATION)


if __name__ == "__main__":
    main()
