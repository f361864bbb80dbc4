"""The lists of system calls in calls.toml: Docker's default, groups that a profile takes away, the runtime's own."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


DEFAULT_CAPABILITIES = words(
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL "
    "AUDIT_WRITE"
)
"""Docker's own (moby, oci/caps/defaults.go)."""
_OTHER_FUNCTIONS = frozenset({"shm_open", "sem_open", "syscall"})


@dataclass(frozen=True, slots=True)
class Group:
    """System calls that few apps need."""

    name: str
    description: str
    calls: frozenset[str]
    functions: frozenset[str]
    """Imports that mean that a program may make one of the calls."""


@dataclass(frozen=True, slots=True)
class CallLists:
    """All lists."""

    default: frozenset[str]
    by_architecture: Mapping[str, frozenset[str]]
    by_capability: Mapping[str, frozenset[str]]
    groups: tuple[Group, ...]
    runtime: frozenset[str]
    functions: Mapping[str, frozenset[str]]
    """System calls by functions of the C library that have other names."""

    def defaults(self, machine: str, capabilities: Collection[str]) -> frozenset[str]:
        """Return the calls of Docker's default profile for a container with these capabilities.

        socket, clone and personality are among them; their arguments are restricted.
        """
        found = {*self.default, *self.by_architecture.get(machine, ()), "socket", "clone", "personality"}
        found |= {"ptrace", "process_vm_readv", "process_vm_writev"}  # since Linux 4.8
        return frozenset(found.union(*(self.by_capability.get(name, ()) for name in capabilities)))

    def known(self) -> frozenset[str]:
        """Return every name in the lists."""
        groups = (group.calls for group in self.groups)
        return self.default.union(*self.by_architecture.values(), *self.by_capability.values(), *groups)


def wanted_functions() -> tuple[str, ...]:
    """Return the functions whose import means system calls."""
    lists = call_lists()
    groups = (group.functions for group in lists.groups)
    return tuple(sorted(lists.known().union(lists.functions, _OTHER_FUNCTIONS, *groups)))


@cache
def call_lists() -> CallLists:
    """Return the lists of calls.toml."""
    text = files("docker_slim_plugin.profile").joinpath("calls.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    return CallLists(
        default=frozenset(table["default"]["calls"]),
        by_architecture={name: frozenset(calls) for name, calls in table["architecture"].items()},
        by_capability={name: frozenset(calls) for name, calls in table["capability"].items()},
        groups=tuple(
            Group(one["name"], one["description"], frozenset(one["calls"]), frozenset(one["functions"]))
            for one in table["group"]
        ),
        runtime=frozenset(table["runtime"]["calls"]),
        functions={name: frozenset(calls) for name, calls in table["functions"].items()},
    )
