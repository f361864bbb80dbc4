"""Write a profile as a service of a Compose file (compose-spec)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from docker_slim_plugin.model.profile import Files, Network, Profile
from docker_slim_plugin.observe.launch import option_words
from docker_slim_plugin.profile.command_line import SECCOMP, Start
from docker_slim_plugin.profile.run_options import (
    is_isolated,
    kept_options,
    port_sysctl,
    published,
    tmpfs_options,
    volume_name,
)

_ONE: Mapping[str, str] = {
    "--user": "user",
    "--workdir": "working_dir",
    "--hostname": "hostname",
    "--stop-signal": "stop_signal",
    "--platform": "platform",
    "--pid": "pid",
    "--memory": "mem_limit",
    "--runtime": "runtime",
}
"""Options with one value, and the keys of a service."""
_MANY: Mapping[str, str] = {
    "--env-file": "env_file",
    "--publish": "ports",
    "--volume": "volumes",
    "--tmpfs": "tmpfs",
    "--expose": "expose",
    "--device": "devices",
    "--add-host": "extra_hosts",
    "--dns": "dns",
    "--group-add": "group_add",
    "--label": "labels",
    "--security-opt": "security_opt",
    "--cap-add": "cap_add",
    "--cap-drop": "cap_drop",
}
_SWITCHES: Mapping[str, str] = {
    "--init": "init",
    "--read-only": "read_only",
    "--tty": "tty",
    "--interactive": "stdin_open",
}
_SKIPPED = frozenset({"--entrypoint", "--pull"})


def compose_document(profile: Profile, start: Start) -> dict[str, Any]:
    """Return the Compose file. Options that it has no key for are listed in x-docker-options."""
    service: dict[str, Any] = {"image": start.image}
    if start.entrypoint is not None:
        service["entrypoint"] = list(start.entrypoint)
    if start.command:
        service["command"] = [_escaped(word) for word in start.command]
    kept = [pair for pair in kept_options(profile, start.options) if pair[0] not in _SKIPPED]
    others = [word for pair in kept for word in _put(service, *pair)]
    _put_rights(service, profile)
    if profile.network is not None:
        _put_network(service, profile, profile.network)
    for limit in profile.limits:
        if limit.name == "nofile":
            service["ulimits"] = {"nofile": {"soft": limit.value, "hard": limit.value}}
        else:
            key = {"memory": "mem_limit", "pids": "pids_limit"}[limit.name]
            service[key] = f"{limit.value >> 20}m" if limit.name == "memory" else limit.value
    volumes = _put_files(service, profile.files, start.name) if profile.files is not None else {}
    document: dict[str, Any] = {"services": {start.name: service}}
    if volumes:
        document["volumes"] = volumes
    if others:
        document["x-docker-options"] = others
    return document


def _escaped(word: str) -> str:
    """Return a word as Compose reads it: it replaces variables."""
    return word.replace("$", "$$")


def _put(service: dict[str, Any], name: str, value: str | None) -> Iterator[str]:
    """Put an option of docker into the service; yield its words if there is no key for it."""
    text = value or ""
    if name == "--env":
        # Only the name: Compose reads the value from its own environment.
        service.setdefault("environment", []).append(text.partition("=")[0])
    elif name in _ONE:
        service[_ONE[name]] = _escaped(text)
    elif name in _MANY:
        service.setdefault(_MANY[name], []).append(_escaped(text))
    elif name in _SWITCHES:
        service[_SWITCHES[name]] = text.lower() not in ("false", "0", "f")
    elif name == "--network" and text in ("host", "none"):
        service["network_mode"] = text
    else:
        yield from option_words(name, value)


def _put_rights(service: dict[str, Any], profile: Profile) -> None:
    """Put system calls, capabilities and IPC into the service."""
    if profile.calls is not None:
        service.setdefault("security_opt", []).append(f"seccomp=./{SECCOMP}")
    if profile.capabilities is not None:
        service["cap_drop"] = ["ALL"]
        if profile.capabilities.kept:
            service["cap_add"] = [one.name for one in profile.capabilities.kept]
        if profile.capabilities.no_new_privileges:
            service.setdefault("security_opt", []).append("no-new-privileges=true")
    if profile.ipc is not None:
        service["ipc"] = profile.ipc.mode
        if profile.ipc.shm_size and profile.ipc.used:
            service["shm_size"] = f"{profile.ipc.shm_size >> 20}m"


def _put_network(service: dict[str, Any], profile: Profile, network: Network) -> None:
    if is_isolated(network):
        service["network_mode"] = "none"
        service.pop("ports", None)
    for option in published(network, service.get("ports", [])):
        service.setdefault("ports", []).append(option.partition("=")[2])
    if sysctl := port_sysctl(profile, network):
        service["sysctls"] = dict([sysctl])


def _put_files(service: dict[str, Any], files: Files, name: str) -> dict[str, Any]:
    """Put the writable places into the service; return the named volumes."""
    if files.read_only:
        service["read_only"] = True
    volumes: dict[str, Any] = {}
    for place in files.places:
        if place.kind == "tmpfs":
            service.setdefault("tmpfs", []).append(f"{place.path}:{tmpfs_options(place)}")
        else:
            volume = volume_name(name, place)
            volumes[volume] = {}
            service.setdefault("volumes", []).append(f"{volume}:{place.path}")
    return volumes
