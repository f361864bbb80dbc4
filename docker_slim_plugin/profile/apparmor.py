"""Write a profile as a profile of AppArmor, whose language has no library. See apparmor.d(5)."""

from __future__ import annotations

from collections.abc import Iterator

from docker_slim_plugin.model.profile import Files, Network, Profile
from docker_slim_plugin.profile.command_line import Start
from docker_slim_plugin.profile.ipc import SHARED
from docker_slim_plugin.profile.run_options import is_isolated

FILE = "apparmor.profile"
USUAL_DEVICES = ("full", "null", "random", "tty", "urandom", "zero", "console", "ptmx")
_SPECIAL = frozenset('\\"*?[]{}^,#@ ')
_DENIED = (
    "/proc/sys/** wklx",
    "/proc/sysrq-trigger rwklx",
    "/proc/kcore rwklx",
    "/proc/mem rwklx",
    "/proc/kmem rwklx",
    "/sys/** wklx",
    "/sys/firmware/** rwklx",
    "/sys/kernel/security/** rwklx",
)
"""As in Docker's default profile."""


def apparmor_profile(profile: Profile, start: Start) -> str:
    """Return the text of the profile. Names of files are quoted; those with a line break are left out."""
    lines = [
        f"# Load it: apparmor_parser -r {FILE}; use it: docker run --security-opt apparmor={_name(start)}",
        "#include <tunables/global>",
        "",
        f"profile {_name(start)} flags=(attach_disconnected,mediate_deleted) {{",
        *(f"  {rule}," if rule else "" for rule in _rules(profile, start)),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _name(start: Start) -> str:
    return f"docker-slim-{start.name}"


def _rules(profile: Profile, start: Start) -> Iterator[str]:
    if profile.capabilities is None:
        yield "capability"
    else:
        yield from (f"capability {one.name.lower()}" for one in profile.capabilities.kept)
    yield ""
    yield from _network_rules(profile.network)
    yield ""
    yield "signal (receive) peer=unconfined"
    yield f"signal (send, receive) peer={_name(start)}"
    yield "unix"
    yield "deny mount"
    yield "deny umount"
    yield "deny pivot_root"
    yield "deny ptrace"
    yield ""
    yield from _file_rules(profile.files)
    yield from (f"/dev/{name} rw" for name in USUAL_DEVICES)
    yield "/dev/pts/** rw"
    if profile.ipc is None or profile.ipc.used:
        yield f"{SHARED}/{{,**}} rwkl"
        yield "/dev/mqueue/{,**} rwkl"
    for device in profile.devices:
        if "\n" not in device.path and device.path.removeprefix("/dev/") not in USUAL_DEVICES:
            yield f"{_quoted(device.path)} rw"
    yield "owner /proc/*/{,task/*/}{oom_score_adj,comm,attr/**,fd/**,timerslack_ns} rw"
    yield from (f"deny {rule}" for rule in _DENIED)


def _network_rules(network: Network | None) -> Iterator[str]:
    if network is None:
        yield "network"
        return
    yield "network unix"
    yield "network netlink raw"
    if not is_isolated(network):
        for family in ("inet", "inet6"):
            # A client of TCP opens datagram sockets too: the resolver's, which also order addresses.
            yield from (f"network {family} {kind}" for kind in ("stream", "dgram"))


def _file_rules(files: Files | None) -> Iterator[str]:
    if files is None or not files.read_only:
        yield "file"
        return
    yield "/{,**} r"
    yield "/** mrixk"
    for place in files.places:
        if "\n" not in place.path:
            yield f"{_quoted(place.path, '/')} rw"
            yield f"{_quoted(place.path, '/**')} rwkl"


def _quoted(path: str, end: str = "") -> str:
    """Return a path as a quoted pattern that matches only itself."""
    escaped = "".join(f"\\{one}" if one in _SPECIAL and one != " " else one for one in path)
    return f'"{escaped}{end}"'
