"""Find which access of a run named each path of the image first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.observation import Access, Observations, RunProcess
from docker_slim_plugin.model.plan import Reason, ReasonKind
from docker_slim_plugin.report.run_log import RunLog
from docker_slim_plugin.resolve.accessed_files import access_reason
from docker_slim_plugin.rootfs.index import Rootfs

MAX_PROCESSES = 10_000
"""Most processes that a report lists."""


def make_run_log(rootfs: Rootfs, observations: Observations) -> RunLog:
    """Return the log of a run: the earliest access of each reason, by the path in the image that it led to."""
    found: dict[tuple[RootPath, Reason], Access] = {}
    for access in sorted((one for one in observations.accesses if one.seconds), key=lambda one: one.seconds):
        reason = access_reason(ReasonKind.ACCESS, access.process.argv0, access.kind, access.origin)
        links, end = rootfs.walk(access.path, root=access.root)
        for path in (*links, *((end,) if end is not None else ())):
            found.setdefault((path, reason), access)
    chosen = _with_ancestors({one.process.number for one in found.values()}, observations.processes)[:MAX_PROCESSES]
    numbers = {0: 0, **{one.number: place for place, one in enumerate(chosen, 1)}}
    return RunLog(
        {
            key: replace(one, process=replace(one.process, number=numbers.get(one.process.number, 0)))
            for key, one in found.items()
        },
        tuple(replace(one, number=numbers[one.number], parent=numbers.get(one.parent, 0)) for one in chosen),
    )


def _with_ancestors(wanted: Iterable[int], processes: tuple[RunProcess, ...]) -> list[RunProcess]:
    """Return the processes with these numbers and their ancestors, in their order: each after its parent."""
    by_number = {one.number: one for one in processes}
    chosen: set[int] = set()
    for number in wanted:
        one = by_number.get(number)
        while one and one.number not in chosen:
            chosen.add(one.number)
            one = by_number.get(one.parent)
    return [one for one in processes if one.number in chosen]
