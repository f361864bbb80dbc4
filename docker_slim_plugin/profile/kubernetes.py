"""Write a profile as objects of Kubernetes: a Pod, a NetworkPolicy, and a claim for each volume that lasts.

The seccomp profile is a file of the node: below the kubelet's own directory (/var/lib/kubelet/seccomp).
"""

from __future__ import annotations

import ipaddress
from typing import Any

from docker_slim_plugin.model.profile import Capabilities, Files, Network, Place, Profile
from docker_slim_plugin.profile.command_line import Start
from docker_slim_plugin.profile.ipc import SHARED
from docker_slim_plugin.profile.run_options import is_isolated, volume_name

CLAIM = "1Gi"
"""Size of a claim. A run does not show how much data there will be."""
DNS = 53


def kubernetes_documents(profile: Profile, start: Start, user: str) -> list[dict[str, Any]]:
    """Return the objects. `user` is that of the container, as the image or the user's options name it."""
    labels = {"app": start.name}
    container: dict[str, Any] = {"name": start.name, "image": start.image}
    if start.entrypoint is not None:
        container["command"] = list(start.entrypoint)
    if start.command:
        container["args"] = list(start.command)
    if names := [(value or "").partition("=")[0] for name, value in start.options if name == "--env"]:
        # The values are the user's: a Secret holds them.
        container["env"] = [
            {"name": name, "valueFrom": {"secretKeyRef": {"name": start.name, "key": name}}} for name in names
        ]
    if profile.network is not None and profile.network.ports:
        container["ports"] = [
            {"containerPort": port.number, "protocol": port.protocol.upper()} for port in profile.network.ports
        ]
    container |= _resources(profile)
    container["securityContext"] = _security_context(profile, start, user)
    places = profile.files.places if profile.files is not None else ()
    volumes = [_volume(place, start.name) for place in places]
    mounts = [{"name": _object_name(start.name, place), "mountPath": str(place.path)} for place in places]
    if profile.ipc is not None and profile.ipc.used:
        size = f"{(profile.ipc.shm_size or 64 << 20) >> 20}Mi"
        volumes.append({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": size}})
        mounts.append({"name": "shm", "mountPath": SHARED})
    if mounts:
        container["volumeMounts"] = mounts
    specification: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containers": [container],
    }
    if volumes:
        specification["volumes"] = volumes
    metadata: dict[str, Any] = {"name": start.name, "labels": labels}
    if notes := _annotations(profile.files):
        metadata["annotations"] = notes
    documents = [{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": specification}]
    documents += [_claim(place, start.name) for place in places if place.kind == "volume"]
    if profile.network is not None:
        documents.append(_network_policy(profile.network, start.name, labels))
    return documents


def _resources(profile: Profile) -> dict[str, Any]:
    """Return the limits of the container. A Pod has none of processes or descriptors."""
    memory = [f"{one.value >> 20}Mi" for one in profile.limits if one.name == "memory"]
    return {"resources": {"limits": {"memory": memory[0]}}} if memory else {}


def _security_context(profile: Profile, start: Start, user: str) -> dict[str, Any]:
    found: dict[str, Any] = {"privileged": False}
    if profile.capabilities is not None:
        found["allowPrivilegeEscalation"] = not profile.capabilities.no_new_privileges
        found["capabilities"] = _capabilities(profile.capabilities)
    if profile.files is not None:
        found["readOnlyRootFilesystem"] = profile.files.read_only
    if profile.calls is not None:
        found["seccompProfile"] = {"type": "Localhost", "localhostProfile": f"profiles/{start.name}.json"}
    number, _, group = user.partition(":")
    if number.isdigit() and number != "0":
        found |= {"runAsNonRoot": True, "runAsUser": int(number)}
        found |= {"runAsGroup": int(group)} if group.isdigit() else {}
    return found


def _capabilities(capabilities: Capabilities) -> dict[str, list[str]]:
    added = sorted({one.name for one in (*capabilities.kept, *capabilities.kubernetes)})
    return {"drop": ["ALL"], **({"add": added} if added else {})}


def _object_name(name: str, place: Place) -> str:
    """Return the name of a volume: an RFC 1123 label."""
    return volume_name(name, place).lower().replace("_", "-").replace(".", "-")[:63].strip("-")


def _volume(place: Place, name: str) -> dict[str, Any]:
    own = _object_name(name, place)
    if place.kind == "volume":
        return {"name": own, "persistentVolumeClaim": {"claimName": own}}
    if place.kind == "tmpfs":
        return {"name": own, "emptyDir": {"medium": "Memory", "sizeLimit": f"{place.size >> 20}Mi"}}
    return {"name": own, "emptyDir": {}}


def _claim(place: Place, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": _object_name(name, place)},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": CLAIM}}},
    }


def _annotations(files: Files | None) -> dict[str, str]:
    """Return what Kubernetes does not do as Docker does: it copies no files of the image to a volume."""
    copied = [str(place.path) for place in (files.places if files else ()) if place.has_files]
    if not copied:
        return {}
    return {"docker-slim/copy-first": f"an initContainer must copy the image's own files of: {', '.join(copied)}"}


def _network_policy(network: Network, name: str, labels: dict[str, str]) -> dict[str, Any]:
    ingress = [{"ports": [{"port": port.number, "protocol": port.protocol.upper()} for port in network.ports]}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {
            "podSelector": {"matchLabels": labels},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress if network.ports else [],
            "egress": [] if is_isolated(network) else _egress(network),
        },
    }


def _egress(network: Network) -> list[dict[str, Any]]:
    """Return the rules for what the app connects to.

    Private addresses are those of the engine's network, or of containers: in a cluster they are others, so only their
    ports are named. So is DNS.
    """
    anywhere: set[tuple[int, str]] = set()
    rules: list[dict[str, Any]] = []
    for peer in network.peers:
        address = ipaddress.ip_address(peer.host.partition("%")[0])
        if peer.port == DNS or address.is_private:
            anywhere.add((peer.port, peer.protocol))
            continue
        rules.append(
            {
                "to": [{"ipBlock": {"cidr": f"{address}/{address.max_prefixlen}"}}],
                "ports": [{"port": peer.port, "protocol": peer.protocol.upper()}],
            }
        )
    ports = [{"port": port, "protocol": protocol.upper()} for port, protocol in sorted(anywhere)]
    return [{"ports": ports}, *rules] if ports else rules
