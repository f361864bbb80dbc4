"""What a confined image allows, what is restricted by what, and what stays open, as text for reports."""

from __future__ import annotations

from collections.abc import Iterator

from docker_slim_plugin.confine.rules import Rules
from docker_slim_plugin.confine.seccomp_bpf import RARE_FAMILIES
from docker_slim_plugin.model.confinement import Confinement

LANDLOCK, SECCOMP, NO_NEW_PRIVS = "Landlock", "seccomp", "no_new_privs"


def describe(rules: Rules, launcher_size: int) -> Confinement:
    """Return the record of the restrictions."""
    return Confinement(
        allowed=tuple(_allowed(rules)),
        enforced=tuple(_enforced(rules)),
        open=tuple(_open(rules)),
        launcher_size=launcher_size,
    )


def _allowed(rules: Rules) -> Iterator[tuple[str, str]]:
    yield from (("bind", str(port)) for port in rules.bind)
    yield from (("connect", str(port)) for port in rules.connect)
    yield from (("write", path) for path in (rules.write if rules.files else ("/",)))
    if rules.proc:
        yield "write", "/proc"
    yield from (("device", path) for path in rules.devices)
    yield from (("socket", kind) for kind in ("udp", "raw", "packet") if getattr(rules, kind))
    yield from (("socket", name) for name, family in RARE_FAMILIES.items() if family in rules.families)
    yield from (("ipc", name) for name, used in (("sysv", rules.sysv_ipc), ("mqueue", rules.message_queues)) if used)


def _enforced(rules: Rules) -> Iterator[tuple[str, str]]:
    yield "TCP ports to bind and to connect to", LANDLOCK
    if rules.files:
        yield "files to change, make and remove; ioctl(2) on devices", LANDLOCK
    if rules.abstract_scoped:
        yield "abstract sockets of processes outside", LANDLOCK
    if rules.signals_scoped:
        yield "signals to processes outside", LANDLOCK
    yield "ptrace(2) of processes outside", LANDLOCK
    yield "MPTCP, SCTP, SMC, MSG_FASTOPEN, io_uring and other ABIs", SECCOMP
    kinds = [name for name, used in (("UDP", rules.udp), ("raw", rules.raw), ("packet", rules.packet)) if not used]
    if kinds:
        yield f"{', '.join(kinds)} sockets", SECCOMP
    ipc = (("SysV IPC", rules.sysv_ipc), ("POSIX message queues", rules.message_queues))
    if unused := [name for name, used in ipc if not used]:
        yield " and ".join(unused), SECCOMP
    yield "setuid programs and file capabilities", NO_NEW_PRIVS


def _open(rules: Rules) -> Iterator[str]:
    yield "listen(2) on a socket without bind(2), at a port that the kernel chooses"
    yield "path sockets: connect(2) to any that the user may write to"
    yield "chmod(2), chown(2), utime(2), setxattr(2) as far as the user may"
    yield "single ioctl(2) requests on an allowed device"
    yield "reading and executing files"
    yield "docker exec and HEALTHCHECK: they do not start in the launcher"
    if rules.udp:
        yield "UDP to every address and port"
    if not rules.files:
        yield "files: the app writes in /, so no place can be restricted"
