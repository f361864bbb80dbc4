"""Write a profile as options of docker run."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

from docker_slim_plugin.model.profile import Files, Network, Place, Profile
from docker_slim_plugin.profile.capabilities import LOWEST_FREE_PORT
from docker_slim_plugin.profile.limits import limit_options

REPLACED = frozenset({"--cap-add", "--cap-drop"})
SHARED_NETWORKS = ("host", "container:")
PORT_START = "net.ipv4.ip_unprivileged_port_start"


def kept_options(profile: Profile, options: Iterable[tuple[str, str | None]]) -> Iterator[tuple[str, str | None]]:
    """Yield the user's options that stay beside those of the profile."""
    opened = {device.path for device in profile.devices}
    for name, value in options:
        text = value or ""
        if profile.capabilities is not None and (
            name in REPLACED or (name == "--security-opt" and text.startswith("no-new-privileges"))
        ):
            continue
        if profile.calls is not None and name == "--security-opt" and text.startswith("seccomp"):
            continue
        if profile.network is not None and name in ("--publish", "--expose") and is_isolated(profile.network):
            continue
        if profile.files is not None and profile.files.read_only and name == "--read-only":
            continue
        # --device HOST[:CONTAINER[:RIGHTS]]
        if name == "--device" and _container_path(text) not in opened:
            continue
        yield name, value


def _container_path(device: str) -> str:
    parts = device.split(":")
    return parts[1] if len(parts) > 1 and parts[1].startswith("/") else parts[0]


def is_isolated(network: Network) -> bool:
    """Return whether the container needs no network."""
    return not network.used and network.given in ("", "default", "bridge", "none")


def restricting_options(profile: Profile, seccomp: str, *, names: str = "") -> tuple[str, ...]:
    """Return the options that restrict a container, one token each.

    `seccomp` is the file of the seccomp profile. With `names`, volumes are named, and begin with it; otherwise they are
    anonymous.
    """
    found: list[str] = []
    if profile.calls is not None:
        found.append(f"--security-opt=seccomp={seccomp}")
    if profile.capabilities is not None:
        found.append("--cap-drop=ALL")
        found += [f"--cap-add={one.name}" for one in profile.capabilities.kept]
        found += ["--security-opt=no-new-privileges"] if profile.capabilities.no_new_privileges else []
    if profile.files is not None:
        found += _file_options(profile.files, names)
    if profile.network is not None:
        found += _network_options(profile, profile.network)
    if profile.ipc is not None:
        found.append(f"--ipc={profile.ipc.mode}")
        if profile.ipc.shm_size and profile.ipc.used:
            found.append(f"--shm-size={profile.ipc.shm_size >> 20}m")
    return (*found, *limit_options(profile.limits))


def _network_options(profile: Profile, network: Network) -> Iterator[str]:
    if is_isolated(network):
        yield "--network=none"
    if sysctl := port_sysctl(profile, network):
        yield f"--sysctl={sysctl[0]}={sysctl[1]}"


def port_sysctl(profile: Profile, network: Network) -> tuple[str, int] | None:
    """Return the setting that denies ports below 1024, or None if the app binds one, or has the right to.

    Docker sets it to 0: then every user may bind every port.
    """
    may_bind = profile.capabilities is None or any(one.name == "NET_BIND_SERVICE" for one in profile.capabilities.kept)
    if may_bind or network.lowest < LOWEST_FREE_PORT or network.given.startswith(SHARED_NETWORKS):
        return None
    return PORT_START, LOWEST_FREE_PORT


def published(network: Network, given: Iterable[str]) -> tuple[str, ...]:
    """Return the options that publish the ports that the app listens on, unless the user's own already do."""
    if is_isolated(network) or network.given.startswith(SHARED_NETWORKS):
        return ()
    taken = " ".join(given)
    return tuple(
        f"--publish={port.number}:{port.number}/{port.protocol}"
        for port in network.ports
        if not re.search(rf"(?:^|[ :]){port.number}(?:/|\s|$)", taken)
    )


def _file_options(files: Files, names: str) -> Iterator[str]:
    if files.read_only:
        yield "--read-only"
    for place in files.places:
        if place.kind == "tmpfs":
            yield f"--tmpfs={place.path}:{tmpfs_options(place)}"
        else:
            yield f"--volume={volume_name(names, place)}:{place.path}" if names else f"--volume={place.path}"


def tmpfs_options(place: Place) -> str:
    """Return the mount options of a tmpfs, as docker takes them."""
    runs = "exec" if place.executes else "noexec"
    return f"rw,nosuid,nodev,{runs},size={place.size >> 20}m,mode={place.mode:o},uid={place.uid},gid={place.gid}"


def volume_name(names: str, place: Place) -> str:
    """Return the name of a volume: letters, digits, dots, dashes."""
    return re.sub(r"[^a-zA-Z0-9_.-]+", "-", f"{names}{posixpath.normpath(place.path).replace('/', '-')}")
