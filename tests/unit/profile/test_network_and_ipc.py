"""Ports, peers, devices and IPC."""

from __future__ import annotations

from docker_slim_plugin.model.request import Restrictions
from docker_slim_plugin.profile.ipc import conclude_devices, conclude_ipc
from docker_slim_plugin.profile.network import conclude_network
from docker_slim_plugin.profile.switches import conclude
from tests.evidence import call, evidence
from tests.observed import access


def test_ports() -> None:
    found = conclude_network(
        evidence(
            call("listen", "stream", "inet", "0.0.0.0", "80"),
            call("listen", "stream", "inet6", "::", "80"),
            call("listen", "stream", "inet", "127.0.0.1", "9000"),
            call("bind", "stream", "inet", "0.0.0.0", "81"),
            call("bind", "dgram", "inet", "0.0.0.0", "53"),
            call("bind", "dgram", "inet", "0.0.0.0", "40000"),
            call("bind", "stream", "unix", "/run/x", ""),
        )
    )
    assert [(one.number, one.protocol) for one in found.ports] == [(53, "udp"), (80, "tcp")]
    assert found.used
    assert found.lowest == 53


def test_peers() -> None:
    found = conclude_network(
        evidence(
            call("connect", "stream", "inet", "10.0.0.5", "5432"),
            call("sendto", "dgram", "inet", "10.0.0.2", "53"),
            call("connect", "stream", "inet", "127.0.0.1", "8080"),
            call("connect", "dgram", "inet6", "::", "5432"),
            call("connect", "dgram", "inet", "10.9.9.9", "0"),
            call("sendto"),
        )
    )
    assert [(one.host, one.port, one.protocol) for one in found.peers] == [("10.0.0.2", 53, "udp"), ("10.0.0.5", 5432, "tcp")]


def test_no_network() -> None:
    assert not conclude_network(evidence(call("socket", "inet", "dgram", "0"), call("read"))).used
    # Loopback is in the container's own network too, but the app is not as without one.
    assert conclude_network(evidence(call("connect", "stream", "inet", "127.0.0.1", "80"))).used


def test_ipc() -> None:
    assert conclude_ipc(evidence(call("read"))).mode == "none"
    assert conclude_ipc(evidence(call("shmget", "56"))).mode == "private"
    assert conclude_ipc(evidence(call("read"), imports=("sem_open",))).mode == "private"
    assert conclude_ipc(evidence(accesses=(access("/dev/shm/x"),))).mode == "private"


def test_the_size_of_shared_memory_has_a_margin() -> None:
    found = conclude_ipc(
        evidence(
            call("ftruncate", "/dev/shm/a", str(5 << 20)),
            call("fallocate", "/dev/shm/a", str(6 << 20)),
            call("fallocate", "/dev/shm/b", "1"),
            accesses=(access("/dev/shm/a"),),
        )
    )
    assert found.shm_size == 25 << 20
    assert conclude_ipc(evidence(call("ftruncate"), accesses=(access("/dev/shm/a"),))).shm_size == 0


def test_sockets_and_signals() -> None:
    found = conclude_ipc(
        evidence(call("bind", "stream", "unix", "@x", ""), call("kill", "other", "15"), call("kill", "self", "6"))
    )
    assert [one.name for one in found.sockets] == ["@x"]
    assert [one.name for one in found.signals] == ["signal 15 to other"]


def test_devices() -> None:
    found = conclude_devices(
        evidence(
            call("ioctl", "0x1", "/dev/tty"),
            call("ioctl", "0x2", "/dev/tty"),
            accesses=(access("/dev/null"), access("/dev/shm/x"), access("/dev/stdout"), access("/etc/x")),
        )
    )
    assert [(one.path, one.ioctls) for one in found] == [("/dev/null", ()), ("/dev/tty", ("0x1", "0x2"))]


def test_the_lowest_port_is_that_of_loopback_too() -> None:
    assert conclude_network(evidence(call("bind", "dgram", "inet", "127.0.0.1", "53"))).lowest == 53
    assert conclude_network(evidence(call("bind", "dgram", "unix", "/x", ""))).lowest == 65536


def test_the_user_s_own_ipc_stays() -> None:
    shared = call("fallocate", "/dev/shm/a", "1")
    assert conclude(evidence(shared, options=("--ipc=host",)), Restrictions()).ipc is None
    assert conclude_ipc(evidence(shared, options=("--shm-size=1g",))).shm_size == 0
