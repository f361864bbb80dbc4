"""Conclude the devices that an app opens, and its use of shared memory, queues, sockets and signals."""

from __future__ import annotations

from collections.abc import Iterator

from docker_slim_plugin.model.observation import AccessKind
from docker_slim_plugin.model.profile import Allowed, Device, Ipc
from docker_slim_plugin.profile.evidence import Evidence, called

KINDS = {
    "sysv-shm": ("shmget", "shmat"),
    "sysv-sem": ("semget",),
    "sysv-msg": ("msgget",),
    "mqueue": ("mq_open",),
}
"""Objects of an IPC namespace, and the calls and functions that make them."""
IMPORTS = ("shm_open", "sem_open", "shmget", "semget", "msgget", "mq_open")
SHARED = "/dev/shm"  # noqa: S108 (a path in the container)
MARGIN = 4
"""Shared memory gets so many times the size that was used."""
SMALLEST = 8 << 20
NO_DEVICES = (SHARED, "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/mqueue", "/dev/pts")
SIGNALS = ("kill", "tkill", "tgkill", "rt_sigqueueinfo")


def conclude_ipc(evidence: Evidence) -> Ipc:
    """Return the use of IPC."""
    used = dict(_used(evidence))
    sizes: dict[str, int] = {}
    for call in evidence.words("ftruncate", "fallocate"):
        if len(call.arguments) == 2:
            path, size = call.arguments
            sizes[path] = max(sizes.get(path, 0), int(size))
    wanted = sum(sizes.values()) * MARGIN
    return Ipc(
        used=tuple(Allowed(*pair) for pair in sorted(used.items())),
        # Docker's default is 64 MiB; without a known size it stays, and so does the user's own.
        shm_size=-(-max(wanted, SMALLEST) // (1 << 20)) << 20 if sizes and not evidence.values("--shm-size") else 0,
        sockets=tuple(Allowed(*pair) for pair in sorted(_sockets(evidence))),
        signals=tuple(Allowed(*pair) for pair in sorted(_signals(evidence))),
    )


def _used(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for kind, calls in KINDS.items():
        if call := evidence.first(*calls):
            yield kind, called(call)
    for access in evidence.observations.accesses:
        if access.path.startswith(f"{SHARED}/") or access.path == SHARED:
            yield "shm", f"{access.process.argv0 or 'a process'} names {access.path}"
            break
    imports = evidence.imports.by_name()
    for name in IMPORTS:
        if name in imports:
            yield "imports", f"{imports[name]} has {name}"
            break


def _sockets(evidence: Evidence) -> set[tuple[str, str]]:
    found: dict[str, str] = {}
    for call in evidence.words("bind", "connect", "sendto", "sendmsg"):
        if len(call.arguments) == 4 and call.arguments[1] == "unix" and call.arguments[2]:
            found.setdefault(call.arguments[2], called(call))
    return set(found.items())


def _signals(evidence: Evidence) -> set[tuple[str, str]]:
    found: dict[str, str] = {}
    for call in evidence.words(*SIGNALS):
        target, number = call.arguments
        if target != "self":
            found.setdefault(f"signal {number} to {target}", called(call))
    return set(found.items())


def conclude_devices(evidence: Evidence) -> tuple[Device, ...]:
    """Return the devices that were opened, with the requests of ioctl(2)."""
    ioctls: dict[str, set[str]] = {}
    reasons: dict[str, str] = {}
    for access in evidence.observations.accesses:
        if access.kind is AccessKind.OPEN and access.path.startswith("/dev/") and not _is_other(access.path):
            reasons.setdefault(access.path, f"{access.process.argv0 or 'a process'} opens it")
    for call in evidence.words("ioctl"):
        request, path = call.arguments
        if not _is_other(path):
            reasons.setdefault(path, called(call))
            ioctls.setdefault(path, set()).add(request)
    return tuple(
        Device(path=path, ioctls=tuple(sorted(ioctls.get(path, ()))), reason=reasons[path]) for path in sorted(reasons)
    )


def _is_other(path: str) -> bool:
    return path == "/dev" or any(path == one or path.startswith(f"{one}/") for one in NO_DEVICES)
