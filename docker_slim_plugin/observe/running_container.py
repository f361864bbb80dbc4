"""Watching a container that runs already: somebody else's, which is not to notice and must outlive us."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import psutil

from docker_slim_plugin.engine import Container
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.observation import Observations, RunResult
from docker_slim_plugin.observe.driver import Seen, ended, in_container, reach, settle
from docker_slim_plugin.observe.launch import exposed_ports
from docker_slim_plugin.observe.probes.probe import ProbePlan, run_probes
from docker_slim_plugin.observe.probes.readiness import container_pids, listening
from docker_slim_plugin.observe.tracer.client import TracerClient
from docker_slim_plugin.observe.watcher.watcher import open_watch
from docker_slim_plugin.progress import Progress


def observe_running(
    container: Container, probes: ProbePlan, *, until: str, timeout: float, tracer: str, watch: str, progress: Progress
) -> Observations:
    """Watch a running container, probe it, and let go of it as it was; return everything that was seen.

    What its programs have open and mapped at that moment counts as seen. `until` is as of `docker slim run`.
    """
    attributes = container.attributes()
    init = running(attributes)
    with ExitStack() as stack:
        client = stack.enter_context(TracerClient(use_filter=False)) if tracer != "off" else None
        watcher = stack.enter_context(open_watch(init, watch, alone=client is None))
        seen = Seen(client, watcher)
        if client:
            client.seize(init)
        deadline = time.monotonic() + timeout

        def lives() -> bool:
            seen.show(progress)
            try:
                return psutil.Process(init).status() != psutil.STATUS_ZOMBIE
            except psutil.NoSuchProcess:
                return False

        started = time.monotonic()
        expected = exposed_ports(tuple(attributes["Config"].get("ExposedPorts") or {}))
        target = reach(container, init, attributes["HostConfig"]["NetworkMode"], expected)
        results = run_probes(target, probes, in_container(container, None, deadline), deadline)
        settle(until, seen, lives, init, deadline, idle=not results)
        if lives():
            ports = tuple(sorted(listening(container_pids(init)) & set(expected)))
            result = RunResult(probes=results, ports=ports, seconds=time.monotonic() - started)
        else:
            result = ended(container)
        watcher.drain()
        seen.show(progress)
    # Only now has the tracer said all: it tells the rest when it lets go.
    return Observations(
        accesses=(*(client.accesses() if client else ()), *watcher.accesses()),
        result=result,
        lost=(client.lost if client else 0) + watcher.lost,
        events=(client.events if client else 0) + watcher.events,
        warnings=(*(client.warnings if client else watcher.doubts()), *watcher.warnings),
        mode="syscall" if client else "off",
        watch=watcher.name,
    )


def running(attributes: Mapping[str, Any]) -> int:
    """Return the host pid of a running container's first process; SlimError when it does not run."""
    name, state = str(attributes["Name"]).removeprefix("/"), attributes["State"]
    if state.get("Paused"):
        raise SlimError(f"cannot watch {name}: it is paused", hint=f"docker unpause {name}")
    if not state.get("Running") or not state.get("Pid"):
        raise SlimError(f"cannot watch {name}: it is not running", hint=f"docker start {name}")
    return int(state["Pid"])
