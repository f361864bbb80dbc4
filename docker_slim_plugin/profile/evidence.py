"""What a profile is concluded from: the calls and accesses of the runs, the image, and the user's options."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from docker_slim_plugin.kernel.capabilities import CAPABILITIES
from docker_slim_plugin.model.calls import Call
from docker_slim_plugin.model.image import SourceImage
from docker_slim_plugin.model.observation import Observations
from docker_slim_plugin.profile.call_lists import DEFAULT_CAPABILITIES
from docker_slim_plugin.profile.imports import Imports
from docker_slim_plugin.rootfs.index import Rootfs

ALL = "ALL"


@dataclass(frozen=True, kw_only=True)
class Extra:
    """What is allowed beside what was seen, as the user or a repair wants it, each with its reason."""

    calls: dict[str, str] = field(default_factory=dict)
    capabilities: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    """Directories that are writable."""
    ports: dict[str, str] = field(default_factory=dict)
    """NUMBER/PROTOCOL."""
    executes: str = ""
    """Why code is loaded from writable places; empty if none is."""

    def merged(self, other: Extra) -> Extra:
        return Extra(
            calls={**other.calls, **self.calls},
            capabilities={**other.capabilities, **self.capabilities},
            paths={**other.paths, **self.paths},
            ports={**other.ports, **self.ports},
            executes=self.executes or other.executes,
        )

    def count(self) -> int:
        return len(self.calls) + len(self.capabilities) + len(self.paths) + len(self.ports) + bool(self.executes)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The evidence of one image."""

    source: SourceImage
    observations: Observations
    rootfs: Rootfs
    imports: Imports
    options: tuple[tuple[str, str | None], ...]
    """The user's options of docker, (name, value)."""
    machine: str
    extra: Extra = field(default_factory=Extra)

    @cached_property
    def calls(self) -> dict[str, tuple[Call, ...]]:
        """The calls by name."""
        found: dict[str, list[Call]] = {}
        for call in self.observations.calls:
            found.setdefault(call.name, []).append(call)
        return {name: tuple(calls) for name, calls in found.items()}

    def words(self, *names: str) -> Iterator[Call]:
        """Yield the calls of these names whose arguments are known."""
        for name in names:
            yield from (call for call in self.calls.get(name, ()) if call.arguments and not call.refused)

    def first(self, *names: str) -> Call | None:
        """Return one call of these names, or None."""
        return next((call for name in names for call in self.calls.get(name, ())), None)

    def values(self, option: str) -> tuple[str, ...]:
        """Return the values of an option of docker."""
        return tuple(value or "" for name, value in self.options if name == option)

    @property
    def capabilities(self) -> frozenset[str]:
        """The capabilities that the container of the run had in its bounding set, without CAP_."""
        dropped = {_capability(value) for value in self.values("--cap-drop")}
        added = {_capability(value) for value in self.values("--cap-add")}
        base = frozenset[str]() if ALL in dropped else DEFAULT_CAPABILITIES
        everything = ALL_CAPABILITIES if ALL in added else frozenset[str]()
        return (base | everything | (added - {ALL})) - (dropped - {ALL} - added)

    @property
    def full_user(self) -> str:
        """The user that the app starts as, NAME[:GROUP] or numbers, as the image or the user's options say."""
        given = self.values("--user")
        return given[-1] if given else str(self.source.config.get("User") or "")

    @property
    def user(self) -> str:
        """The user that the app starts as, without its group: a name, a uid, or "" for root."""
        name = self.full_user.partition(":")[0]
        return "" if name in ("root", "0") else name


def _capability(name: str) -> str:
    return name.upper().removeprefix("CAP_")


ALL_CAPABILITIES = frozenset(CAPABILITIES)


def called(call: Call) -> str:
    """Return who made a call, as a reason."""
    return f"{call.process or 'a process'} calls {call.name}({', '.join(call.arguments)})"
