"""The time of a run: during which probe, or in which phase, each access was seen."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import replace

from docker_slim_plugin.model.observation import SKIPPED, Access, ProbeResult, RunResult

START, END, WHOLE_RUN = "the start", "the end of the run", "the run"
"""Phases: until the app was ready, after the last probe, and the whole run of an app that ends by itself."""
_COMMANDS = ("exec", "host-exec")


def add_times(result: RunResult, accesses: Iterable[Access], started: float) -> tuple[RunResult, tuple[Access, ...]]:
    """Return the result with times from `started` (time.monotonic()), and the accesses with the probe of each.

    An access belongs to the probe that ended next: probes run one after the other. Accesses without a time stay as they
    are.
    """
    probes = tuple(replace(one, ended=round(one.ended - started, 3)) for one in result.probes)
    shown = sorted((one.ended, _label(one)) for one in probes if one.kind != SKIPPED)
    ends, labels = [end for end, _ in shown], [*(label for _, label in shown), END]

    def phase(seconds: float) -> str:
        if seconds <= result.ready or not (result.ready or probes):
            return START if result.ready else WHOLE_RUN
        return labels[bisect_left(ends, seconds)]

    located = (replace(one, during=phase(one.seconds)) if one.seconds else one for one in accesses)
    return replace(result, probes=probes), tuple(located)


def rename_phase(accesses: Iterable[Access], during: str) -> tuple[Access, ...]:
    """Return the accesses of a run that is a phase of its own: another start."""
    return tuple(replace(one, during=during) for one in accesses)


def _label(probe: ProbeResult) -> str:
    return f"--{probe.kind} {probe.target}" if probe.kind in _COMMANDS else probe.target
