"""Observation of a container that runs already. It belongs to somebody else, must not be disturbed, and outlives us."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import psutil

from docker_slim_plugin.engine.container import Container
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.observation import Observations, RunResult
from docker_slim_plugin.observe.driver import (
    RunMonitor,
    container_executor,
    exit_result,
    probe_target,
    wait_until_quiet,
)
from docker_slim_plugin.observe.launch import exposed_ports
from docker_slim_plugin.observe.probes.probe import ProbePlan, run_probes
from docker_slim_plugin.observe.probes.readiness import container_pids, listening
from docker_slim_plugin.observe.timeline import add_times
from docker_slim_plugin.observe.tracer.client import TracerClient
from docker_slim_plugin.observe.watcher.watcher import open_watcher
from docker_slim_plugin.progress import Progress


def observe_running(
    container: Container, probes: ProbePlan, *, until: str, timeout: float, tracer: str, watch: str, progress: Progress
) -> Observations:
    """Trace and probe a running container, then detach from it; return everything that was seen.

    Files that its programs have open and mapped at the start count as accesses. `until` is as for `docker slim run`.
    """
    attributes = container.attributes()
    init = running_pid(attributes)
    with ExitStack() as stack:
        client = stack.enter_context(TracerClient(use_filter=False)) if tracer != "off" else None
        watcher = stack.enter_context(open_watcher(init, watch, alone=client is None))
        monitor = RunMonitor(client, watcher)
        if client:
            client.seize(init)
        deadline = time.monotonic() + timeout

        def is_running() -> bool:
            monitor.show_progress(progress)
            try:
                return psutil.Process(init).status() != psutil.STATUS_ZOMBIE
            except psutil.NoSuchProcess:
                return False

        started = time.monotonic()
        expected = exposed_ports(tuple(attributes["Config"].get("ExposedPorts") or {}))
        target = probe_target(container, init, attributes["HostConfig"]["NetworkMode"], expected)
        results = run_probes(target, probes, container_executor(container, None, deadline), deadline)
        wait_until_quiet(until, monitor, is_running, init, deadline, idle=not results)
        if is_running():
            ports = tuple(sorted(listening(container_pids(init)) & set(expected)))
            result = RunResult(probes=results, ports=ports, seconds=time.monotonic() - started)
        else:
            result = exit_result(container)
        watcher.drain()
        monitor.show_progress(progress)
    # Only now are all messages read: the tracer sends the rest when it detaches.
    result, accesses = add_times(result, (*(client.accesses() if client else ()), *watcher.accesses()), monitor.started)
    return Observations(
        accesses=accesses,
        result=result,
        lost=(client.lost if client else 0) + watcher.lost,
        events=(client.events if client else 0) + watcher.events,
        warnings=(*(client.warnings if client else watcher.accuracy_warnings()), *watcher.warnings),
        mode="syscall" if client else "off",
        watch=watcher.name,
        processes=client.processes() if client else (),
    )


def running_pid(attributes: Mapping[str, Any]) -> int:
    """Return the host pid of a running container's first process; SlimError when it does not run."""
    name, state = str(attributes["Name"]).removeprefix("/"), attributes["State"]
    if state.get("Paused"):
        raise SlimError(f"cannot watch {name}: it is paused", hint=f"docker unpause {name}")
    if not state.get("Running") or not state.get("Pid"):
        raise SlimError(f"cannot watch {name}: it is not running", hint=f"docker start {name}")
    return int(state["Pid"])
