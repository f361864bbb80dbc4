"""Names of system calls by their numbers, for every ABI of the machine."""

from __future__ import annotations

from docker_slim_plugin.observe.tracer.syscall_table import SYSCALLS, X32_BIT

try:
    import pyseccomp as seccomp
except ImportError:  # as in syscall_table.py
    import seccomp

_ABIS = {
    "x86_64": {0xC000003E: ("X86_64", ""), 0x40000003: ("X86", "x86")},
    "aarch64": {0xC00000B7: ("AARCH64", ""), 0x40000028: ("ARM", "arm")},
}
"""By AUDIT_ARCH_... (linux/audit.h): libseccomp's name, and ours."""
_NEWEST = {
    448: "process_mrelease",
    449: "futex_waitv",
    450: "set_mempolicy_home_node",
    451: "cachestat",
    452: "fchmodat2",
    453: "map_shadow_stack",
    454: "futex_wake",
    455: "futex_wait",
    456: "futex_requeue",
    457: "statmount",
    458: "listmount",
    459: "lsm_get_self_attr",
    460: "lsm_set_self_attr",
    461: "lsm_list_modules",
    462: "mseal",
    **{call.number: call.name for call in SYSCALLS if call.number > 462},
}
"""For versions of libseccomp without these names. The numbers are the same on all architectures."""


class CallNames:
    """Resolves numbers; each is looked up once."""

    def __init__(self, machine: str) -> None:
        self._abis = _ABIS[machine]
        self._known: dict[tuple[int, int], tuple[str, str]] = {}

    def find(self, arch: int, number: int) -> tuple[str, str]:
        """Return the name of a call ("" if it has none) and its ABI ("" for the machine's own)."""
        key = arch, number
        if key not in self._known:
            self._known[key] = self._resolve(arch, number)
        return self._known[key]

    def _resolve(self, arch: int, number: int) -> tuple[str, str]:
        library_name, abi = self._abis.get(arch, ("", "unknown"))
        if not library_name:
            return "", abi
        is_x32 = arch == 0xC000003E and number & X32_BIT
        table = seccomp.Arch.X32 if is_x32 else getattr(seccomp.Arch, library_name)
        try:
            found = seccomp.resolve_syscall(table, number)
        except ValueError:
            found = b""
        name = found.decode("ascii", "replace") if isinstance(found, bytes) else str(found or "")
        return name or _NEWEST.get(number & ~X32_BIT, ""), "x32" if is_x32 else abi
