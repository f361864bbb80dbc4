"""The process that makes sockets in a container's network namespace.

    python -m docker_slim_plugin.observe.probes.socket_program SOCKET     inherited end of a SOCK_SEQPACKET pair

It waits for a packet with a descriptor of a network namespace (/proc/PID/ns/net), enters it with setns(2), and answers
b"ok", or b"ERRNO". Then it answers each request b"tcp ADDRESS PORT" or b"udp ADDRESS PORT" with b"ok" and a connected
socket, or b"ERRNO". Addresses are literal: no name is looked up.

It is the only process of ours in that namespace. Its root and its mounts are the host's, it is an unprivileged user,
and has no capability after setns(2). A seccomp filter ends it at any system call that it does not need.
"""

from __future__ import annotations

import errno
import os
import socket
import sys

from docker_slim_plugin.host import descriptor_passing
from docker_slim_plugin.host.confinement import allow_only
from docker_slim_plugin.host.privileges import drop_privileges
from docker_slim_plugin.kernel.syscalls import CAP_SYS_ADMIN, CLONE_NEWNET, set_capabilities, setns

CONNECT_SECONDS = 3.0
CALLS = (
    "close", "connect", "fcntl", "getpid", "getsockname", "getsockopt", "gettid", "ioctl", "poll", "ppoll", "recvfrom",
    "recvmsg", "rt_sigaction", "sendmsg", "sendto", "setsockopt", "sigaltstack", "socket", "clock_gettime", "write",
)  # fmt: skip


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    drop_privileges({CAP_SYS_ADMIN})
    _, namespace = descriptor_passing.receive_one(channel)
    if namespace is None:
        return
    try:
        setns(namespace, CLONE_NEWNET)
    except OSError as error:
        descriptor_passing.send(channel, b"%d" % (error.errno or 0))
        return
    os.close(namespace)
    set_capabilities(0)
    # Imported by the first call: there is no import after the filter.
    "127.0.0.1".encode("idna")
    allow_only(CALLS)
    descriptor_passing.send(channel, b"ok")
    while request := channel.recv(200):
        try:
            with _connected(request.decode("ascii").split(" ")) as made:
                descriptor_passing.send(channel, b"ok", made.fileno())
        except OSError as error:
            descriptor_passing.send(channel, b"%d" % (error.errno or errno.ETIMEDOUT))
    os._exit(0)


def _connected(words: list[str]) -> socket.socket:
    kind, address, port = words
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    try:
        made.settimeout(CONNECT_SECONDS)
        made.connect((address, int(port)))
        made.settimeout(None)
    except BaseException:
        made.close()
        raise
    return made


if __name__ == "__main__":
    main()
