"""Conclude the system calls of a profile: Docker's default list without what the app does not need.

The list is never tighter than what the run showed, what the kept programs import, and what the container runtime calls
after it has installed the filter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from docker_slim_plugin.model.profile import Allowed, Removed, SystemCalls
from docker_slim_plugin.profile.call_lists import CallLists, call_lists
from docker_slim_plugin.profile.evidence import Evidence, called

USUAL_FAMILIES = {"unix": 1, "inet": 2, "inet6": 10, "netlink": 16}
ANY_FAMILY = frozenset(range(46)) - {38, 40}
"""What Docker's default profile allows: all but AF_ALG and AF_VSOCK."""
ALWAYS = "always allowed: the runtime and the C library need it"
REST = "not among the calls that few apps need"
_SHOWN_OUT = "not needed by the run"


def conclude_calls(evidence: Evidence, capabilities: frozenset[str], *, style: str, log_only: bool) -> SystemCalls:
    """Return the system calls. `capabilities` are those that the container keeps."""
    lists = call_lists()
    before = lists.defaults(evidence.machine, evidence.capabilities)
    reasons = dict.fromkeys(lists.runtime & lists.defaults(evidence.machine, capabilities), ALWAYS)
    reasons |= dict(_imported(evidence, lists, before))
    reasons |= dict(_seen(evidence, before))
    groups = {name: group for group in lists.groups for name in group.calls}
    if style == "balanced":
        possible = lists.defaults(evidence.machine, capabilities) - groups.keys()
        reasons = dict.fromkeys(possible, REST) | reasons
    reasons |= evidence.extra.calls
    allowed = tuple(Allowed(name, reason) for name, reason in sorted(reasons.items()))
    return SystemCalls(
        style=style,
        allowed=allowed,
        removed=_removed(before - reasons.keys(), {name: one.name for name, one in groups.items()}, lists),
        families=_families(evidence, strict=style == "strict"),
        abis=tuple(sorted({call.abi for call in evidence.observations.calls if call.abi} - {"unknown"})),
        namespaces=any(True for _ in evidence.words("clone", "clone3")) or "clone_namespaces" in evidence.extra.calls,
        clone3=any(not call.refused for call in evidence.calls.get("clone3", ())) and not _refused(evidence, "clone3"),
        personalities="personality" in reasons,
        log_only=log_only,
    )


def _refused(evidence: Evidence, name: str) -> bool:
    """Return whether every call of this name failed because a filter or the kernel refused it."""
    return any(call.refused in ("EPERM", "ENOSYS") for call in evidence.calls.get(name, ()))


def _seen(evidence: Evidence, before: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield the calls of the run. What the engine's own filter refused to the original stays refused."""
    for name, calls in evidence.calls.items():
        if name in before or not _refused(evidence, name):
            yield name, f"seen: {called(calls[-1])}"


def _imported(evidence: Evidence, lists: CallLists, before: frozenset[str]) -> Iterator[tuple[str, str]]:
    imports = evidence.imports.by_name()
    for group in lists.groups:
        for function in sorted(group.functions & imports.keys()):
            reason = f"imported: {imports[function]} has {function}"
            yield from ((name, reason) for name in group.calls & before)
    for function, path in imports.items():
        for name in lists.functions.get(function, frozenset()) | {function}:
            if name in before:
                yield name, f"imported: {path} has {function}"


def _removed(names: frozenset[str], groups: Mapping[str, str], lists: CallLists) -> tuple[Removed, ...]:
    descriptions = {group.name: group.description for group in lists.groups}
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        found.setdefault(groups.get(name, ""), []).append(name)
    return tuple(
        Removed(group or "others", descriptions.get(group, _SHOWN_OUT), tuple(calls))
        for group, calls in sorted(found.items())
    )


def _families(evidence: Evidence, *, strict: bool) -> tuple[Allowed, ...]:
    """Return the domains of socket(2) that are allowed, by number."""
    reasons: dict[str, str] = {}
    if not strict:
        reasons = {str(number): REST for number in USUAL_FAMILIES.values()}
    elif path := evidence.imports.by_name().get("getaddrinfo"):
        reasons = {str(number): f"imported: {path} has getaddrinfo" for number in USUAL_FAMILIES.values()}
    for call in evidence.words("socket", "socketpair"):
        number = USUAL_FAMILIES.get(call.arguments[0])
        name = call.arguments[0] if number is None else str(number)
        if name.isdigit() and int(name) in ANY_FAMILY:
            reasons[name] = f"seen: {called(call)}"
    return tuple(Allowed(name, reasons[name]) for name in sorted(reasons, key=int))
