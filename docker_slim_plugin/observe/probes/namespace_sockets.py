"""Sockets in a container's network namespace: for ports that are not published, and for a container without a network.

This process does not enter the namespace: socket_program.py does, and passes connected sockets.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from docker_slim_plugin.host import child_process, descriptor_passing
from docker_slim_plugin.observe.probes.readiness import listening_addresses

START_SECONDS = 20.0
ANSWER_SECONDS = 10.0


class NamespaceSockets:
    """Makes sockets in the network namespace of a process; a context manager. It starts when it is first used."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._channel: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._channel is not None:
            self._channel.close()
            self._process.kill()
            self._process.wait()

    @property
    def is_separate(self) -> bool:
        """Whether the namespace is another than ours (not --network host)."""
        try:
            return not os.path.samestat(os.stat(f"/proc/{self._pid}/ns/net"), os.stat("/proc/self/ns/net"))
        except OSError:
            return False

    def connect(self, address: str, port: int, seconds: float, *, udp: bool = False) -> socket.socket:
        """Return a socket that is connected to a literal address in the namespace; OSError if that fails."""
        channel = self._started()
        descriptor_passing.send(channel, f"{'udp' if udp else 'tcp'} {ipaddress.ip_address(address)} {port}".encode())
        data, found = descriptor_passing.receive_one(channel)
        if data != b"ok" or found is None:
            number = int(data) if data.isdigit() else 0
            raise OSError(number, os.strerror(number) if number else "the process that makes sockets has ended")
        made = socket.socket(fileno=found)
        made.settimeout(seconds)
        return made

    def _started(self) -> socket.socket:
        if self._channel is None:
            namespace = os.open(f"/proc/{self._pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with theirs:
                    self._process = child_process.start(
                        "observe.probes.socket_program", [theirs.fileno()], descriptors=[theirs.fileno()]
                    )
                self._channel = ours
                ours.settimeout(START_SECONDS)
                descriptor_passing.send(ours, b"namespace", namespace)
                data, _ = descriptor_passing.receive_one(ours)
                if data != b"ok":
                    number = int(data) if data.isdigit() else 0
                    raise OSError(number, "cannot enter the container's network namespace")
                ours.settimeout(ANSWER_SECONDS)
            finally:
                os.close(namespace)
        return self._channel

    def addresses(self, own: str) -> Mapping[int, str]:
        """Return the address at which each listening TCP port of the process's namespace can be asked.

        It is the container's `own` address where the port is open there, and loopback only for ports that are bound to
        it, or if there is no other.
        """
        found: dict[int, str] = {}
        for host, port in listening_addresses(self._pid):
            if host.is_unspecified:
                found[port] = own or ("::1" if host.version == 6 and port not in found else "127.0.0.1")
            elif not host.is_loopback or port not in found:
                found[port] = str(host)
        return found
