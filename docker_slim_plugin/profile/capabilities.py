"""Guess the capabilities that an app needs, from its calls. Whether it needs them is found by runs without each."""

from __future__ import annotations

from collections.abc import Iterator

from docker_slim_plugin.model.entry import EntryKind
from docker_slim_plugin.model.observation import AccessKind
from docker_slim_plugin.model.profile import Allowed
from docker_slim_plugin.profile.evidence import Evidence, called

CALLS: dict[str, tuple[str, ...]] = {
    "CHOWN": ("chown", "chown32", "fchown", "fchown32", "lchown", "lchown32", "fchownat"),
    "SETUID": ("setuid", "setuid32", "setreuid", "setreuid32", "setresuid", "setresuid32", "setfsuid", "setfsuid32"),
    "SETGID": ("setgid", "setgid32", "setregid", "setregid32", "setresgid", "setresgid32", "setgroups", "setgroups32"),
    "FOWNER": ("chmod", "fchmod", "fchmodat", "fchmodat2", "utimensat", "utime", "utimes", "futimesat"),
    "FSETID": ("chmod", "fchmod", "fchmodat", "fchmodat2"),
    "SYS_CHROOT": ("chroot",),
    "MKNOD": ("mknod", "mknodat"),
    "SETPCAP": ("capset",),
    "SETFCAP": ("setxattr", "lsetxattr", "fsetxattr", "setxattrat"),
    "SYS_ADMIN": ("mount", "umount", "umount2", "setns", "unshare", "pivot_root", "sethostname", "setdomainname"),
    "SYS_PTRACE": ("ptrace", "process_vm_readv", "process_vm_writev", "kcmp"),
    "SYS_TIME": ("settimeofday", "clock_settime", "clock_settime64", "adjtimex", "clock_adjtime", "clock_adjtime64"),
    "SYS_NICE": ("setpriority", "sched_setscheduler", "sched_setparam", "sched_setattr", "mbind", "set_mempolicy"),
    "SYS_RESOURCE": ("setrlimit", "prlimit64"),
    "IPC_LOCK": ("mlock", "mlock2", "mlockall"),
    "SYSLOG": ("syslog",),
    "BPF": ("bpf",),
    "PERFMON": ("perf_event_open",),
    "DAC_READ_SEARCH": ("open_by_handle_at",),
    "NET_ADMIN": ("setsockopt", "ioctl"),
}
"""Calls that may need a capability. See capabilities(7)."""
_SET_ID = 0o6000
LOWEST_FREE_PORT = 1024


def guess_capabilities(evidence: Evidence) -> tuple[Allowed, ...]:
    """Return the capabilities that the app may need, with their reasons, sorted by name."""
    available = evidence.capabilities
    gains = privilege_gains(evidence)
    if evidence.user and not gains:
        # A process of another user than root has none, unless a program gives it some.
        found: dict[str, str] = {}
    else:
        found = {name: reason for name, reason in _guesses(evidence, gains) if name in available}
    found |= evidence.extra.capabilities
    return tuple(Allowed(name, reason) for name, reason in sorted(found.items()))


def _guesses(evidence: Evidence, gains: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    yield "DAC_OVERRIDE", "the app starts as root, which may open files of other users"
    for name, calls in CALLS.items():
        if call := evidence.first(*calls):
            yield name, called(call)
    for call in evidence.words("kill", "tkill", "tgkill", "rt_sigqueueinfo"):
        if call.arguments[0] != "self":
            yield "KILL", called(call)
    for call in evidence.words("socket"):
        family, kind, protocol = call.arguments
        if (kind == "raw" and family in ("inet", "inet6")) or family == "17":
            yield "NET_RAW", called(call)
        if family == "netlink" and protocol == "9":
            yield "AUDIT_WRITE", called(call)
    for path in gains[:1]:
        for name in ("SETUID", "SETGID", "NET_RAW", "NET_BIND_SERVICE"):
            yield name, f"{path} gains privileges"


def port_capability(evidence: Evidence) -> str:
    """Return why NET_BIND_SERVICE is needed where ports below 1024 are restricted; empty if it is not."""
    for call in evidence.words("bind"):
        kind, family, _, port = call.arguments
        if family in ("inet", "inet6") and port.isdigit() and 0 < int(port) < LOWEST_FREE_PORT:
            return f"{call.process or 'a process'} binds {kind} port {port}"
    return ""


def privilege_gains(evidence: Evidence) -> tuple[str, ...]:
    """Return the executed programs that give privileges: set-user-ID, set-group-ID, or file capabilities."""
    found = set()
    for access in evidence.observations.accesses:
        if access.kind is not AccessKind.EXEC or access.root != "/":
            continue
        entry = evidence.rootfs.find(access.path)
        if entry is None or entry.kind is not EntryKind.FILE or not entry.is_executable:
            continue
        if entry.mode & _SET_ID or any(name == "security.capability" for name, _ in entry.xattrs):
            found.add(str(entry.path))
    return tuple(sorted(found))
