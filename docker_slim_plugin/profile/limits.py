"""Conclude limits of memory, processes and descriptors from what the app used at most."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from docker_slim_plugin.model.profile import Limit
from docker_slim_plugin.profile.evidence import Evidence

MARGIN = 2
"""The limit is this multiple of the peak."""
MEMORY_STEP, LEAST_MEMORY = 16 << 20, 32 << 20
LEAST_PROCESSES, LEAST_DESCRIPTORS = 32, 1024
OPTIONS = {"memory": "--memory", "pids": "--pids-limit", "nofile": "--ulimit"}
NOFILE = "nofile="


def conclude_limits(evidence: Evidence, wanted: Collection[str]) -> tuple[Limit, ...]:
    """Return the wanted limits. One that the user gives with an option of docker stays the user's."""
    return tuple(one for one in _limits(evidence) if one.name in wanted and not is_given(evidence, one.name))


def is_given(evidence: Evidence, name: str) -> bool:
    """Tell whether the user limits this resource with an option of docker."""
    values = evidence.values(OPTIONS[name])
    return any(value.startswith(NOFILE) for value in values) if name == "nofile" else bool(values)


def _limits(evidence: Evidence) -> Iterator[Limit]:
    peaks = evidence.observations.peaks
    if peaks.memory:
        value = max(LEAST_MEMORY, -(-MARGIN * peaks.memory // MEMORY_STEP) * MEMORY_STEP)
        yield Limit("memory", value, f"{MARGIN} times the peak of {peaks.memory >> 20} MiB, with the page cache")
    if peaks.processes:
        value = max(LEAST_PROCESSES, MARGIN * peaks.processes)
        yield Limit("pids", value, f"{MARGIN} times the peak of {peaks.processes} processes and threads")
    if peaks.descriptors:
        value = max(LEAST_DESCRIPTORS, MARGIN * peaks.descriptors)
        yield Limit("nofile", value, f"{MARGIN} times the highest descriptor, {peaks.descriptors - 1}")


def limit_options(limits: Collection[Limit]) -> Iterator[str]:
    """Yield the options of docker run."""
    for one in limits:
        value = f"{one.value >> 20}m" if one.name == "memory" else str(one.value)
        yield f"{OPTIONS[one.name]}={f'nofile={value}:{value}' if one.name == 'nofile' else value}"
