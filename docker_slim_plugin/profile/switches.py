"""Read --allow, and put a profile together from what each part concludes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model.profile import Allowed, Capabilities, Profile
from docker_slim_plugin.model.request import Restrictions
from docker_slim_plugin.profile.call_lists import call_lists
from docker_slim_plugin.profile.capabilities import guess_capabilities, port_capability, privilege_gains
from docker_slim_plugin.profile.evidence import ALL_CAPABILITIES, Evidence, Extra
from docker_slim_plugin.profile.file_places import conclude_files
from docker_slim_plugin.profile.ipc import conclude_devices, conclude_ipc
from docker_slim_plugin.profile.limits import conclude_limits
from docker_slim_plugin.profile.network import conclude_network
from docker_slim_plugin.profile.syscalls import conclude_calls

_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "call": lambda value: value in call_lists().known() | {"socket", "clone", "clone3", "personality"},
    "cap": lambda value: value.upper().removeprefix("CAP_") in ALL_CAPABILITIES,
    "write": lambda value: value.startswith("/") and value != "/",
    "port": lambda value: (
        bool(re.fullmatch(r"[0-9]{1,5}(/tcp|/udp)?", value, re.ASCII)) and 0 < int(value.partition("/")[0]) < 1 << 16
    ),
}
REASON = "allowed by --allow"


def read_allowed(words: Sequence[str]) -> Extra:
    """Return what `--allow KIND=VALUE` allows; UsageError for a wrong word."""
    found = Extra()
    for word in words:
        kind, _, value = word.partition("=")
        if kind not in _CHECKS or not _CHECKS[kind](value):
            hint = "--allow call=NAME, cap=NAME, write=/DIRECTORY, port=NUMBER[/udp]"
            raise UsageError(f"cannot use --allow {word}", hint=hint)
        found = found.merged(_extra(kind, value))
    return found


def _extra(kind: str, value: str) -> Extra:
    match kind:
        case "call":
            return Extra(calls={value: REASON})
        case "cap":
            return Extra(capabilities={value.upper().removeprefix("CAP_"): REASON})
        case "write":
            return Extra(paths={value: REASON})
        case _:
            return Extra(ports={value: REASON})


def conclude(evidence: Evidence, wanted: Restrictions, kept: tuple[Allowed, ...] | None = None) -> Profile:
    """Return the profile. `kept` are the capabilities that runs need; None: those that are guessed."""
    capabilities = None
    if not wanted.no_capabilities:
        gains = privilege_gains(evidence)
        needed = guess_capabilities(evidence) if kept is None else kept
        port = port_capability(evidence)
        capabilities = Capabilities(
            kept=needed,
            kubernetes=(Allowed("NET_BIND_SERVICE", port),) if port and not evidence.user else (),
            no_new_privileges=not gains,
            gains=gains,
        )
    held = evidence.capabilities if capabilities is None else frozenset(one.name for one in capabilities.kept)
    calls = None
    if not wanted.no_syscalls:
        calls = conclude_calls(evidence, held, style=wanted.style, log_only=wanted.log_only)
    return Profile(
        image=evidence.source.reference,
        architecture=evidence.machine,
        calls=calls,
        capabilities=capabilities,
        files=None if wanted.no_read_only else conclude_files(evidence),
        network=None if wanted.no_network else conclude_network(evidence),
        devices=conclude_devices(evidence),
        ipc=None if wanted.no_ipc or evidence.values("--ipc") else conclude_ipc(evidence),
        limits=conclude_limits(evidence, wanted.limits),
    )


def without_capability(kept: tuple[Allowed, ...], name: str) -> tuple[Allowed, ...]:
    """Return the capabilities without one."""
    return tuple(one for one in kept if one.name != name)


def with_dropped(profile: Profile, dropped: tuple[Allowed, ...]) -> Profile:
    """Return the profile with the record of the capabilities that runs did not need."""
    if profile.capabilities is None:
        return profile
    return replace(profile, capabilities=replace(profile.capabilities, dropped=dropped))
