"""Write the system calls of a profile as a seccomp profile, as docker run --security-opt seccomp=FILE takes it.

The form is that of the runtime specification (config-linux.md, seccomp), and of Docker's own default.
"""

from __future__ import annotations

import errno
from typing import Any

from docker_slim_plugin.model.profile import SystemCalls
from docker_slim_plugin.profile.syscalls import ANY_FAMILY

NEW_NAMESPACES = 0x7E020000
"""CLONE_NEW... of clone(2), as in Docker's default."""
PERSONALITIES = (0x0, 0x0008, 0x20000, 0x20008, 0xFFFFFFFF)
"""Linux, Linux32, with UNAME26, and the question for the current one, as in Docker's default."""
ARCHITECTURES = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
_ABIS = {"x86": "SCMP_ARCH_X86", "x32": "SCMP_ARCH_X32", "arm": "SCMP_ARCH_ARM"}
ALLOW, ERRNO, LOG = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_LOG"
_BY_ARGUMENT = frozenset({"socket", "clone", "clone3", "personality"})


def seccomp_profile(calls: SystemCalls, machine: str) -> dict[str, Any]:
    """Return the seccomp profile. A call that is not allowed fails with EPERM, or is logged and goes on."""
    names = calls.names
    rules: list[dict[str, Any]] = [{"names": sorted(names - _BY_ARGUMENT), "action": ALLOW}]
    if "socket" in names:
        # The register has 64 bits, of which the kernel uses 32: a larger value is no domain, and is not allowed.
        rules += [_rule("socket", 0, int(one.name), "SCMP_CMP_EQ") for one in calls.families]
    if "clone" in names:
        rules.append(
            {"names": ["clone"], "action": ALLOW}
            if calls.namespaces
            # As in Docker's default: valueTwo, which the masked flags must equal, is 0.
            else _rule("clone", 0, NEW_NAMESPACES, "SCMP_CMP_MASKED_EQ")
        )
    if calls.clone3:
        rules.append({"names": ["clone3"], "action": ALLOW})
    else:
        # Its flags are in memory, where a filter cannot see them. With ENOSYS, the C library calls clone(2).
        rules.append({"names": ["clone3"], "action": ERRNO, "errnoRet": errno.ENOSYS})
    if calls.personalities:
        rules += [_rule("personality", 0, value, "SCMP_CMP_EQ") for value in PERSONALITIES]
    document: dict[str, Any] = {
        "defaultAction": LOG if calls.log_only else ERRNO,
        "architectures": [ARCHITECTURES[machine], *(_ABIS[abi] for abi in calls.abis)],
        "syscalls": rules,
    }
    if not calls.log_only:
        document["defaultErrnoRet"] = errno.EPERM
    return document


def _rule(name: str, index: int, value: int, operator: str) -> dict[str, Any]:
    return {"names": [name], "action": ALLOW, "args": [{"index": index, "value": value, "op": operator}]}


def missing_families(calls: SystemCalls) -> tuple[int, ...]:
    """Return the domains of socket(2) that Docker's default allows, and this profile does not."""
    return tuple(sorted(ANY_FAMILY - {int(one.name) for one in calls.families}))
