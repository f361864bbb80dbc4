"""Find what a profile has stopped, by the calls that are refused under it and not in the original."""

from __future__ import annotations

from collections.abc import Iterable

from docker_slim_plugin.model.calls import Call
from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.profile import Profile
from docker_slim_plugin.profile.capabilities import CALLS
from docker_slim_plugin.profile.evidence import Evidence, Extra, called
from docker_slim_plugin.profile.file_places import CACHES, KERNELS, canonical
from docker_slim_plugin.profile.syscalls import USUAL_FAMILIES

_OTHERS_FILES = "DAC_OVERRIDE"
_LOADS = frozenset({"mmap", "mprotect", "execve", "execveat"})
"""Calls that a file system mounted with noexec refuses."""


def refused(calls: Iterable[Call], before: Iterable[Call]) -> tuple[Call, ...]:
    """Return the calls that are refused now, and were not in the original."""
    known = {(call.name, call.refused, call.arguments) for call in before if call.refused}
    same_path = {(call.name, call.arguments) for call in before if call.refused}
    return tuple(
        call
        for call in calls
        if call.refused
        and call.refused != "ENOSYS"
        and (call.name, call.refused, call.arguments) not in known
        and (call.name, call.arguments) not in same_path
        and not _is_harmless(call)
    )


def _is_harmless(call: Call) -> bool:
    """Return whether the app works without what is refused: a write to a cache."""
    return call.refused == "EROFS" and any(f"/{cache}" in word for cache in CACHES for word in call.arguments)


def find_missing(evidence: Evidence, profile: Profile, confined: Iterable[Call]) -> Extra:
    """Return what must be allowed so that nothing of `confined` is refused that the original may do."""
    found = Extra()
    for call in refused(confined, evidence.observations.calls):
        found = found.merged(_missing(evidence, profile, call))
    return found


def _missing(evidence: Evidence, profile: Profile, call: Call) -> Extra:
    reason = f"refused under the profile ({call.refused}): {called(call)}"
    if profile.calls is not None and call.refused == "EPERM":
        if call.name not in profile.calls.names:
            return Extra(calls={call.name: reason})
        if call.name in ("socket", "socketpair") and call.arguments and _is_new_family(profile, call):
            return Extra()
    if call.name in _LOADS and profile.files is not None and call.refused in ("EPERM", "EACCES"):
        return Extra(executes=reason)
    if call.refused == "EROFS" and profile.files is not None and profile.files.read_only:
        directories = (_directory(evidence, word) for word in call.arguments)
        return Extra(paths={path: reason for path in directories if path})
    if profile.capabilities is None:
        return Extra()
    kept = {one.name for one in profile.capabilities.kept}
    wanted = [name for name, calls in CALLS.items() if call.name in calls]
    if any(word.startswith("/") for word in call.arguments):
        wanted.append(_OTHERS_FILES)
    if call.name in ("kill", "tkill", "tgkill", "rt_sigqueueinfo"):
        wanted.append("KILL")
    if call.name in ("socket", "bind"):
        wanted += ["NET_RAW", "NET_BIND_SERVICE", "AUDIT_WRITE"]
    possible = [name for name in wanted if name in evidence.capabilities and name not in kept]
    return Extra(capabilities=dict.fromkeys(possible, reason))


def _is_new_family(profile: Profile, call: Call) -> bool:
    assert profile.calls is not None
    number = USUAL_FAMILIES.get(call.arguments[0], call.arguments[0])
    return str(number) not in {one.name for one in profile.calls.families}


def _directory(evidence: Evidence, path: str) -> str:
    """Return the directory of the image that must be writable for `path`; empty if there is none."""
    if not path.startswith("/") or path.startswith(tuple(f"{top}/" for top in KERNELS)):
        return ""
    here = canonical(evidence.rootfs, path)
    entry = evidence.rootfs.entries.get(RootPath(here))
    if entry is None or entry.kind.value != "dir":
        here = here.rpartition("/")[0]
    while here and RootPath(here) not in evidence.rootfs.entries:
        here = here.rpartition("/")[0]
    return here
