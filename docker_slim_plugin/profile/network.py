"""Conclude the ports that an app listens on, and what it connects to."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from docker_slim_plugin.model.calls import Call
from docker_slim_plugin.model.profile import Network, Peer, Port
from docker_slim_plugin.profile.evidence import Evidence, called

INET = ("inet", "inet6")
PROTOCOLS = {"stream": "tcp", "dgram": "udp"}
FIRST_EPHEMERAL = 32768
"""net.ipv4.ip_local_port_range: a UDP socket of a client is bound to such a port."""
_UNSPECIFIED = ("", "0.0.0.0", "::")  # noqa: S104 (addresses that are compared)
CONNECTS = ("connect", "sendto", "sendmsg", "sendmmsg")


def conclude_network(evidence: Evidence) -> Network:
    """Return the use of the network."""
    given = evidence.values("--network")
    ports = {(port.number, port.protocol): port for port in reversed(tuple(_ports(evidence)))}
    for text, reason in evidence.extra.ports.items():
        number, _, protocol = text.partition("/")
        ports[int(number), protocol or "tcp"] = Port(number=int(number), protocol=protocol or "tcp", reason=reason)
    peers = {(peer.host, peer.port, peer.protocol): peer for peer in _peers(evidence)}
    return Network(
        used=bool(ports or peers or evidence.observations.result.ports or _is_bound(evidence)),
        ports=tuple(ports[key] for key in sorted(ports)),
        peers=tuple(peers[key] for key in sorted(peers)),
        given=given[-1] if given else "",
        lowest=min((*_bound(evidence), *(number for number, _ in ports)), default=1 << 16),
    )


def _is_bound(evidence: Evidence) -> bool:
    """Return whether anything listens on or connects to an address, loopback included."""
    calls = evidence.words("bind", "listen", *CONNECTS)
    return any(call.arguments[1] in INET for call in calls if len(call.arguments) == 4)


def _bound(evidence: Evidence) -> Iterator[int]:
    """Yield the ports that are bound, on whatever address."""
    for call in evidence.words("bind"):
        if len(call.arguments) == 4 and call.arguments[1] in INET and call.arguments[3] not in ("", "0"):
            yield int(call.arguments[3])


def _ports(evidence: Evidence) -> Iterator[Port]:
    """Yield the ports that can be reached from outside."""
    for call in (*evidence.words("listen"), *evidence.words("bind")):
        if len(call.arguments) != 4:
            continue
        kind, family, host, port = call.arguments
        is_served = kind == "stream" if call.name == "listen" else kind == "dgram" and int(port or 0) < FIRST_EPHEMERAL
        if family in INET and is_served and port not in ("", "0") and not _is_loopback(host):
            yield Port(number=int(port), protocol=PROTOCOLS[kind], reason=called(call))


def _peers(evidence: Evidence) -> Iterator[Peer]:
    for call in evidence.words(*CONNECTS):
        if len(call.arguments) != 4:
            continue
        kind, family, host, port = call.arguments
        if family in INET and port not in ("", "0") and not _is_own(host):
            yield Peer(family=family, host=host, port=int(port), protocol=_protocol(kind, call), reason=called(call))


def _protocol(kind: str, call: Call) -> str:
    return PROTOCOLS.get(kind, "udp" if call.name != "connect" else "tcp")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_own(host: str) -> bool:
    """Return whether an address is the container itself: loopback, or unspecified, which connects to loopback."""
    return _is_loopback(host) or host in _UNSPECIFIED
