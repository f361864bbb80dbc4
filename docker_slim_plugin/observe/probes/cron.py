"""Run the jobs of a cron daemon once, so that what they need is kept.

A job may delete, send mail or call another host. By default jobs run only where nothing of the host or of another
container is reachable, and after the container has been disconnected from its networks.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from docker_slim_plugin.engine.container import Container
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.observation import CRON, NO_ANSWER, SKIPPED, ProbeResult
from docker_slim_plugin.observe.probes.crontab import MAX_ARCHIVE, SYSTEM_TABLES, USER_TABLES, CronJob
from docker_slim_plugin.observe.probes.readiness import container_pids
from docker_slim_plugin.observe.probes.recognition import command_line, program_names

DAEMONS = frozenset({"cron", "crond", "supercronic"})
JOB_SECONDS, SECONDS = 10.0, 60.0
"""Most seconds of one job, and of all."""
CANNOT_RUN = 126
"""The status of a job that could not be started."""
START_SECONDS, START_PAUSE = 10.0, 0.1
MAX_SHOWN = 300
JobReader = Callable[[tuple[tuple[str, bytes], ...]], tuple[CronJob, ...]]
"""Reads jobs from archives of crontabs, crontab.read_jobs(); it may do so in another process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CronPlan:
    """Whether and how the jobs of a cron daemon are run."""

    read: JobReader
    is_allowed: bool
    """Whether jobs may run: they cannot reach data of the host or of another container, or the user wants it."""
    with_network: bool
    """Whether they keep the container's networks."""
    targets: frozenset[str] | None = None
    """The jobs to run again, in a replay; None in the first run."""


def run_jobs(
    container: Container, pid: int, plan: CronPlan, attach: Callable[[int], None] | None, deadline: float
) -> Iterator[ProbeResult]:
    """Run each job of the container's cron daemon, if it has one; yield a result for each. `pid` is its init's."""
    if plan.targets == frozenset():
        return
    words = _daemons(pid)
    # In a replay it is known that a daemon runs; its container may have begun just now.
    end = min(deadline, time.monotonic() + START_SECONDS) if plan.targets else 0.0
    while not words and time.monotonic() < end:
        time.sleep(START_PAUSE)
        words = _daemons(pid)
    if not words:
        return
    own = [
        word
        for one in words
        for word in one[1:]
        if word.startswith("/") and posixpath.basename(one[0]) == "supercronic"
    ]
    places = (*SYSTEM_TABLES, *USER_TABLES, *own)
    jobs = plan.read(tuple((place, container.archive(place, MAX_ARCHIVE)) for place in places))
    jobs = tuple(job for job in jobs if plan.targets is None or _target(job) in plan.targets)
    if not jobs:
        return
    if not plan.is_allowed:
        detail = (
            f"{len(jobs)} jobs of cron were not run, as they could reach data of the host: --run-cron runs them once"
        )
        yield ProbeResult(kind=SKIPPED, target=CRON, ok=True, status=NO_ANSWER, detail=detail)
        return
    # Connected again afterwards: the container may be started a second time.
    with nullcontext() if plan.with_network else container.disconnected():
        yield from _run_all(container, jobs, attach, deadline)


def _run_all(
    container: Container, jobs: Sequence[CronJob], attach: Callable[[int], None] | None, deadline: float
) -> Iterator[ProbeResult]:
    end = min(deadline, time.monotonic() + SECONDS)
    for number, job in enumerate(jobs):
        if time.monotonic() > end:
            detail = f"{len(jobs) - number} jobs of cron were not run: the others took {SECONDS:.0f} s"
            yield ProbeResult(kind=SKIPPED, target=CRON, ok=True, status=NO_ANSWER, detail=detail)
            return
        yield _run(container, job, attach, min(end, time.monotonic() + JOB_SECONDS))


def _daemons(pid: int) -> list[list[str]]:
    """Return the command lines of the cron daemons of a container."""
    return [command_line(one) for one in container_pids(pid) if not DAEMONS.isdisjoint(program_names(one))]


def _target(job: CronJob) -> str:
    return f"{job.user}: {job.command}"


def _run(container: Container, job: CronJob, attach: Callable[[int], None] | None, end: float) -> ProbeResult:
    """Run a job as cron does: by its shell, in the home directory of its user."""
    script = f"HOME=~{job.user}; export HOME; cd ~{job.user}\n{job.command}"
    environment = {**job.environment, "LOGNAME": job.user}
    try:
        status, output = container.execute([job.shell, "-c", script], attach, end, environment, job.user)
    except SlimError as error:
        status, output = CANNOT_RUN, str(error)
    if time.monotonic() >= end:
        detail = f"it did not end within {JOB_SECONDS:.0f} s"
        return ProbeResult(kind=CRON, target=_target(job), ok=False, status=NO_ANSWER, detail=detail)
    last = output.strip()[-MAX_SHOWN:]
    detail = "" if status == 0 else f"exit status {status}" + (f": {last}" if last else "")
    return ProbeResult(kind=CRON, target=_target(job), ok=status == 0, status=status, detail=detail)
