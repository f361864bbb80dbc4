"""A second start of the same container: an entrypoint script may act differently on the files of its first start.

After `docker restart`, a reboot or an upgrade of the engine, the entrypoint finds an initialised database, a stale pid
file or an old configuration. If a shell ran before the app was ready, the container is started again and traced until
it is ready. It is not probed again.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import replace

from docker_slim_plugin.model.observation import Access, AccessKind, Observations, Origin, RunResult
from docker_slim_plugin.observe.driver import RunPlan
from docker_slim_plugin.observe.probes.probe import ProbePlan
from docker_slim_plugin.observe.run_checks import SHELLS
from docker_slim_plugin.observe.timeline import rename_phase

MAX_SECONDS, MAX_FACTOR = 30.0, 2.0
"""Maximum duration of the second start: this many seconds, or this multiple of the first start's duration."""
PORTLESS_UNTIL = "2"
"""Seconds to observe an app that listens on no port."""


def needs_second_start(first: RunResult, startup_accesses: Iterable[Access]) -> bool:
    """Tell whether the app may start differently next time: a shell ran before it was ready, and we stopped the app."""
    return first.ready > 0 and first.exit_status is None and any(map(_is_shell_access, startup_accesses))


def _is_shell_access(access: Access) -> bool:
    """Tell whether the access shows a running shell: one that is executed, or that names the path."""
    # inotify does not tell an exec from an open.
    executed = access.kind is AccessKind.EXEC or access.origin is Origin.INOTIFY
    names = (access.process.argv0.lstrip("-"), access.path if executed else "")
    return any(posixpath.basename(name) in SHELLS for name in names)


def second_start_plan(plan: RunPlan, first: RunResult) -> RunPlan:
    """Return the plan of the second start: wait until the app is ready, then stop it."""
    ports = frozenset(first.ports)
    launch = plan.launch
    if first.stop_status is None:
        # The app had to be killed: do not wait for it again.
        launch = replace(launch, stop_signal="SIGKILL")
    return replace(
        plan,
        launch=launch,
        probes=ProbePlan(crawl=False),
        cron=None,
        until="probes" if ports else PORTLESS_UNTIL,
        timeout=min(plan.timeout, max(MAX_SECONDS, MAX_FACTOR * first.ready)),
        known_ports=ports,
    )


def merge_second_start(first: Observations, second: Observations) -> Observations:
    """Return the observations of both starts, with the result of the first."""
    result = second.result
    ended = "" if result.exit_status is None else f"ended with status {result.exit_status}: "
    text = f"started again, the app {ended or 'did not become ready: '}{(result.output.strip() or 'no output')[-300:]}"
    return replace(
        first,
        accesses=(*first.accesses, *rename_phase(second.accesses, "the second start")),
        processes=(*first.processes, *second.processes),
        peaks=first.peaks.merged(second.peaks),
        uses=first.uses | second.uses,
        calls=tuple(dict.fromkeys((*first.calls, *second.calls))),
        lost=first.lost + second.lost,
        events=first.events + second.events,
        warnings=tuple(dict.fromkeys((*first.warnings, *second.warnings, *([] if _has_started(result) else [text])))),
    )


def _has_started(result: RunResult) -> bool:
    return result.ready > 0 and result.exit_status is None
