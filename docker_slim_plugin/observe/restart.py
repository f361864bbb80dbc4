"""A second start of the same container: scripts take other ways when they find what they left behind the first time.

`docker restart`, a reboot, an upgrade of the engine: an entrypoint then meets an initialised database, a stale pid
file, an old configuration. A container in which a shell has run before the app was up is started once more and watched
until it is up again; it is not probed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import replace

from docker_slim_plugin.model.observation import Access, AccessKind, Observations, Origin, RunResult
from docker_slim_plugin.observe.driver import RunPlan
from docker_slim_plugin.observe.probes.probe import ProbePlan
from docker_slim_plugin.observe.run_checks import SHELLS

MAX_SECONDS, MAX_FACTOR = 30.0, 2.0
"""That the second start may take at most: so long, or so many times what the first one took."""
PORTLESS_UNTIL = "2"
"""Seconds that an app is watched for, which shows by no port that it is up."""


def needs_second_start(first: RunResult, startup_accesses: Iterable[Access]) -> bool:
    """Tell whether an app may start otherwise the next time: when a shell ran until it was up, and we stopped it."""
    return first.ready > 0 and first.exit_status is None and any(map(_is_shell_access, startup_accesses))


def _is_shell_access(access: Access) -> bool:
    """Tell whether the access shows that a shell runs: one that is executed, or that names a path itself."""
    # inotify does not tell what an open is for.
    executed = access.kind is AccessKind.EXEC or access.origin is Origin.INOTIFY
    names = (access.process.argv0.lstrip("-"), access.path if executed else "")
    return any(posixpath.basename(name) in SHELLS for name in names)


def second_start_plan(plan: RunPlan, first: RunResult) -> RunPlan:
    """Return how the second start is driven: only brought up and stopped."""
    ports = frozenset(first.ports)
    launch = plan.launch
    if first.stop_status is None:
        # It had to be killed: not to be waited for in vain once more.
        launch = replace(launch, stop_signal="SIGKILL")
    return replace(
        plan,
        launch=launch,
        probes=ProbePlan(crawl=False),
        until="probes" if ports else PORTLESS_UNTIL,
        timeout=min(plan.timeout, max(MAX_SECONDS, MAX_FACTOR * first.ready)),
        known_ports=ports,
    )


def merge_second_start(first: Observations, second: Observations) -> Observations:
    """Return what both starts showed; what became of the app, the first one says."""
    result = second.result
    ended = "" if result.exit_status is None else f"ended with status {result.exit_status}: "
    text = f"started again, the app {ended or 'did not come up: '}{(result.output.strip() or 'no word')[-300:]}"
    return replace(
        first,
        accesses=(*first.accesses, *second.accesses),
        lost=first.lost + second.lost,
        events=first.events + second.events,
        warnings=tuple(dict.fromkeys((*first.warnings, *second.warnings, *([] if _has_started(result) else [text])))),
    )


def _has_started(result: RunResult) -> bool:
    return result.ready > 0 and result.exit_status is None
