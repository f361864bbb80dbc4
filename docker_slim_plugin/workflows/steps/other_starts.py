"""Start the app in other ways that images are used in: with --help or --version, and with empty volumes.

Each is a trace of its own, which is repeated with each slim image. A start that fails with the source is left out: not
every entrypoint takes flags, and not every app fills its volume.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from docker_slim_plugin.model.observation import RunResult
from docker_slim_plugin.model.request import Exercise
from docker_slim_plugin.observe.launch import option_pairs, tmpfs_paths
from docker_slim_plugin.observe.trace import Trace
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.workflows.steps.job import Job, make_run_plan

FLAGS = ("--help", "--version")
"""The first one that the app takes is used."""
FLAG_SECONDS, EMPTY_SECONDS, SLOWDOWN = 5.0, 30.0, 3.0
"""Most seconds of a start with a flag; and with empty volumes, or this multiple of the first start's time."""
MAX_VOLUMES = 10
_PLAIN = re.compile(r"/[\w./-]*+")
"""A path that is no option of docker."""


def observe_other_starts(job: Job, first: Trace) -> tuple[Trace, ...]:
    """Return the traces of the starts that work; none if a start can reach data of the host or of another container."""
    request, exercise = job.request, job.request.exercise()
    plain = replace(exercise, http=(), no_http=True, exec_=(), host_exec=(), no_services=True)
    drive = make_run_plan(job.source, plain, job.sandbox)
    if exercise.no_other_starts or exercise.until == "enter" or not drive.launch.shareable:
        return ()
    found = []
    if not request.command and takes_flags(job.source.config, request.docker_options):
        for flag in FLAGS:
            options = (*request.docker_options, "--network=none")
            other = replace(plain, command=(flag,), docker_options=options, until="exit")
            if trace := _observed(
                job, other, f"observe {flag}", FLAG_SECONDS, first, lambda result: result.exit_status == 0
            ):
                found.append(trace)
                break
    result = first.observations.result
    if options := tuple(empty_volumes(job.tree.wait()[0], job.source.config, request.docker_options)):
        limit = max(EMPTY_SECONDS, SLOWDOWN * result.ready)
        other = replace(plain, docker_options=(*request.docker_options, *options), until="probes")
        is_same = result.exit_status is None

        def has_started(second: RunResult) -> bool:
            return is_same and second.ready > 0 and second.exit_status is None and second.ports == result.ports

        if trace := _observed(job, other, "observe empty volumes", limit, first, has_started):
            found.append(trace)
    return tuple(found)


def _observed(
    job: Job, exercise: Exercise, name: str, limit: float, first: Trace, works: Callable[[RunResult], bool]
) -> Trace | None:
    """Start the app for `limit` seconds at most; return the trace if it `works`.

    An app that should end is not waited for if it listens as at the `first` start.
    """
    with job.clock.step(name, times=6):
        plan = make_run_plan(job.source, exercise, job.sandbox)
        ports = frozenset(first.observations.result.ports) if exercise.until == "exit" else None
        drive = replace(plan, cron=None, known_ports=ports, timeout=min(plan.timeout, limit))
        seen = job.observer.observe(job.source.id, drive, allow_failure=True)
    if not works(seen.result):
        return None
    # Its warnings are about what nobody has asked for.
    return Trace(source_id=job.source.id, exercise=exercise, observations=replace(seen, warnings=()))


def takes_flags(config: Mapping[str, Any], options: tuple[str, ...]) -> bool:
    """Tell whether `docker run IMAGE --flag` gives the flag to a program.

    It does if there is an entrypoint, and its command is flags, or none.
    """
    command = config.get("Cmd") or ()
    is_given = any(name == "--entrypoint" for name, _ in option_pairs(options))
    return bool(config.get("Entrypoint")) and not is_given and (not command or str(command[0]).startswith("-"))


def empty_volumes(rootfs: Rootfs, config: Mapping[str, Any], options: tuple[str, ...]) -> Iterator[str]:
    """Yield options of docker that start the app with its volumes empty; none where they are empty in the image."""
    taken = set(tmpfs_paths(option_pairs(options)))
    volumes = [path for path in config.get("Volumes") or {} if _PLAIN.fullmatch(path) and path not in taken]
    for path in volumes[:MAX_VOLUMES]:
        end = rootfs.walk(path).end
        if end is not None and rootfs.children.get(end):
            entry = rootfs.entries[end]
            yield f"--tmpfs={path}:mode={entry.mode & 0o7777:o},uid={entry.uid},gid={entry.gid}"
