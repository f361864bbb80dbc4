"""Control of one run of the app from outside: wait until it is ready, probe it, wait until it is quiet, stop it.

The same code runs the source image, which is traced meanwhile, and the slim images, which are not.
"""

from __future__ import annotations

import functools
import math
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Concatenate, ParamSpec, Protocol

from docker_slim_plugin.engine.container import Container
from docker_slim_plugin.engine.secrets import mask_result, masked_errors, secrets_of
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.environment import parse_environment
from docker_slim_plugin.model.observation import Access, RunResult
from docker_slim_plugin.observe.launch import Launch
from docker_slim_plugin.observe.peaks import PeakReader
from docker_slim_plugin.observe.probes.cron import CronPlan, run_jobs
from docker_slim_plugin.observe.probes.namespace_sockets import NamespaceSockets
from docker_slim_plugin.observe.probes.probe import ProbePlan, run_probes
from docker_slim_plugin.observe.probes.readiness import (
    Target,
    container_pids,
    is_alive,
    listening,
    processor_seconds,
    wait_ready,
)
from docker_slim_plugin.observe.probes.service import ServiceProbe
from docker_slim_plugin.observe.tracer.client import TracerClient
from docker_slim_plugin.observe.watcher.watcher import Watcher
from docker_slim_plugin.progress import Progress

STOP_SECONDS = 10.0
"""The default grace period of docker stop, in seconds."""
QUIET_SECONDS = 0.3, 1.0
"""A run whose probes are done ends after a time without a new file: the duration of the run so far, within these
bounds.
"""
IDLE_SECONDS, REPLAY_IDLE_SECONDS = 10.0, 3.0
"""Without a listening port or a probe result, the app must also have used no CPU for this many seconds; less in a
replay.
"""
IDLE_SHARE = 0.05
WILDCARD_ADDRESSES = ("", "0.0.0.0", "::")  # noqa: S104
CLIENT_SECONDS = 30.0
"""Most seconds of a command that a catalogue of services names."""
_TICK = 0.02
SERVING_PAUSE = 0.2
"""Seconds between two looks at the ports of an app that should end."""
NO_VARIABLES: Mapping[str, str] = {}

P = ParamSpec("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """How a run of the app is carried out."""

    launch: Launch
    probes: ProbePlan
    until: str
    """probes, exit, enter, or a number of seconds."""
    timeout: float
    """Maximum duration of one run, in seconds."""
    known_ports: frozenset[int] | None = None
    """Ports that listened in the run of the source image; None in that run itself."""
    known_ready: float = 0.0
    """Seconds until the source image was ready."""
    cron: CronPlan | None = None
    """How the jobs of a cron daemon are run; None: not at all."""


@dataclass(slots=True)
class RunMonitor:
    """The tracer and the watcher of a run; None where one is not used."""

    tracer: TracerClient | None = None
    watcher: Watcher | None = None
    started: float = field(default_factory=time.monotonic)
    startup_accesses: tuple[Access, ...] = ()
    """The accesses seen by the time that the app was ready."""
    peaks: PeakReader | None = None
    """Reads what the container uses at most."""

    def accesses(self) -> tuple[Access, ...]:
        """Return the accesses seen so far."""
        return tuple(access for source in (self.tracer, self.watcher) if source for access in source.accesses())

    def last_new(self) -> float:
        """Return the time (time.monotonic()) of the last access that was not seen before."""
        times = [self.started]
        if self.tracer:
            times.append(self.tracer.last_new)
        if self.watcher:
            times.append(self.watcher.last_new)
        return max(times)

    def show_progress(self, progress: Progress) -> None:
        """Show the number of accesses, if anything is observed."""
        if self.tracer or self.watcher:
            progress.count(**self.counts())

    def counts(self) -> dict[str, int]:
        return {
            "paths": self.tracer.access_count() if self.tracer else len(self.watcher.accesses()) if self.watcher else 0,
            "events": (self.tracer.events if self.tracer else 0) + (self.watcher.events if self.watcher else 0),
        }


Run = Callable[Concatenate[Container, int, RunPlan, P], RunResult]


def _masked(function: Run[P]) -> Run[P]:
    """Mask the values of the app's variables in the result and in errors."""

    @functools.wraps(function)
    def masked(container: Container, init: int, plan: RunPlan, /, *arguments: P.args, **named: P.kwargs) -> RunResult:
        secrets = secrets_of(plan.launch.options, os.environ)
        with masked_errors(secrets):
            return mask_result(function(container, init, plan, *arguments, **named), secrets)

    return masked


@_masked
def run(
    container: Container,
    init: int,
    plan: RunPlan,
    monitor: RunMonitor,
    *,
    attach: Callable[[int], None] | None,
    progress: Progress,
) -> RunResult:
    """Run the app in a started container as `plan` says, then stop it; the same for source and slim images.

    `attach` is called with the pid of each command that waits in the gate. Values of the app's variables are masked in
    the result and in errors.
    """
    deadline = time.monotonic() + plan.timeout
    launch = plan.launch

    def must_restart() -> bool:
        tracer = monitor.tracer
        return tracer is not None and bool(tracer.privilege_gains or tracer.tracers or tracer.has_exited)

    def is_running() -> bool:
        monitor.show_progress(progress)
        if monitor.peaks:
            monitor.peaks.read()
        return is_alive(init) and not must_restart()

    if plan.until == "exit":
        return _until_exit(container, init, is_running, deadline, plan.known_ports or frozenset())
    target = probe_target(container, init, launch.network, launch.ports, plan.known_ports)
    readiness = wait_ready(
        target, is_running, monitor.last_new, deadline, None if monitor.tracer or monitor.watcher else plan.known_ready
    )
    if not is_running():
        return RunResult() if must_restart() else exit_result(container)
    if not readiness.ready:
        raise SlimError(
            f"cannot go on: the app was not ready within {plan.timeout:.0f} s: {readiness.why}",
            hint="--timeout, --until",
        )

    ports, ready = tuple(sorted(readiness.ports)), time.monotonic() - monitor.started
    monitor.startup_accesses = monitor.accesses()
    execute = container_executor(container, attach, deadline)
    with NamespaceSockets(init) as sockets:
        target = with_inner_ports(target, sockets)
        ask_client = container_executor(container, attach, deadline, CLIENT_SECONDS)
        services = ServiceProbe(target, plan.probes.asking, ask_client, container.has_path, container.kill, deadline)
        ask = services.ask if plan.probes.asking.services else None
        results = run_probes(target, plan.probes, execute, deadline, ask)
    if plan.cron and is_running():
        # The last, as they may disconnect the container.
        results += tuple(run_jobs(container, init, plan.cron, attach, deadline))
    wait_until_quiet(plan.until, monitor, is_running, init, deadline, idle=not (results or readiness.ports))
    if not is_running():
        return (
            RunResult() if must_restart() else replace(exit_result(container), probes=results, ports=ports, ready=ready)
        )
    wait_for_exit = _exit_waiter(container, init, monitor.tracer)
    status = stop(container, init, launch.stop_signal, wait_for_exit)
    return RunResult(probes=results, ports=ports, ready=ready, stop_status=status)


class Executor(Protocol):
    """Runs commands in a container; it can be used as `Execute` and as `Run`."""

    def __call__(
        self, command: str | Sequence[str], environment: Mapping[str, str] = NO_VARIABLES, /
    ) -> tuple[int, str]: ...


def container_executor(
    container: Container, attach: Callable[[int], None] | None, deadline: float, most: float = math.inf
) -> Executor:
    """Return a function that runs a command in the container, for `most` seconds and until the deadline at most."""

    def execute(command: str | Sequence[str], environment: Mapping[str, str] = NO_VARIABLES) -> tuple[int, str]:
        argv = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        return container.execute(argv, attach, min(deadline, time.monotonic() + most), environment)

    return execute


def probe_target(
    container: Container, init: int, network: str, expected: tuple[int, ...], known: frozenset[int] | None = None
) -> Target:
    """Return the addresses of the container, where the app may listen on the `expected` ports.

    `known` are the ports that are worth probing, None when that has to be found out.
    """
    attributes = container.attributes()
    networks = attributes["NetworkSettings"].get("Networks") or {}
    ports: dict[int, tuple[str, int]] = {}
    for name, bindings in (attributes["NetworkSettings"]["Ports"] or {}).items():
        number, _, protocol = name.partition("/")
        if protocol == "tcp" and bindings:
            host = bindings[0]["HostIp"]
            ports[int(number)] = ("127.0.0.1" if host in WILDCARD_ADDRESSES else host, int(bindings[0]["HostPort"]))
    if network == "host":
        ports = {port: ("127.0.0.1", port) for port in expected}
    return Target(
        container=container.id,
        image=attributes["Config"]["Image"],
        pid=init,
        ports={port: where for port, where in ports.items() if known is None or port in known},
        exposed=expected if known is None else tuple(sorted(known)),
        address=next((one["IPAddress"] for one in networks.values() if one.get("IPAddress")), ""),
        environment=parse_environment(attributes["Config"]),
    )


def with_inner_ports(target: Target, sockets: NamespaceSockets) -> Target:
    """Return the target with all listening ports, as far as its network namespace is its own."""
    if not sockets.is_separate:
        return target
    return replace(target, inner=sockets.addresses(target.address), connect_inside=sockets.connect)


def _until_exit(
    container: Container, init: int, is_running: Callable[[], bool], deadline: float, ports: frozenset[int]
) -> RunResult:
    """Wait for the end of the app. An app that listens on one of `ports` serves, and is not waited for."""
    checked_at = time.monotonic()
    while is_running():
        if time.monotonic() > deadline:
            raise SlimError("cannot wait any longer: the app has not ended", hint="--timeout SECONDS, --until probes")
        if ports and time.monotonic() - checked_at > SERVING_PAUSE:
            if ports & listening(container_pids(init)):
                return RunResult()
            checked_at = time.monotonic()
        time.sleep(_TICK)
    return exit_result(container)


def exit_result(container: Container) -> RunResult:
    status = container.wait(STOP_SECONDS)
    return RunResult(exit_status=-1 if status is None else status, output=container.output())


def wait_until_quiet(
    until: str, monitor: RunMonitor, is_running: Callable[[], bool], init: int, deadline: float, *, idle: bool
) -> None:
    """Wait until the end of the run as `until` defines it. With `idle`, the app must also be idle."""
    if until == "enter":
        while is_running() and time.monotonic() < deadline and not select.select([sys.stdin], [], [], 0.2)[0]:
            pass
        return
    if until not in ("probes", "exit", "enter"):
        end = min(deadline, monitor.started + float(until))
        while is_running() and time.monotonic() < end:
            time.sleep(_TICK)
        return
    if not (monitor.tracer or monitor.watcher or idle):
        return
    least, most = QUIET_SECONDS
    quiet = min(most, max(least, time.monotonic() - monitor.started))
    idle_seconds = IDLE_SECONDS if monitor.tracer or monitor.watcher else REPLAY_IDLE_SECONDS
    used_seconds, checked_at = processor_seconds(init), time.monotonic()
    while is_running() and time.monotonic() < deadline:
        now = time.monotonic()
        if idle and now - checked_at >= idle_seconds:
            before, used_seconds = used_seconds, processor_seconds(init)
            checked_at = now
            if used_seconds - before < IDLE_SHARE * idle_seconds and now - monitor.last_new() >= quiet:
                return
        if not idle and now - monitor.last_new() >= quiet:
            return
        time.sleep(_TICK)


def _exit_waiter(container: Container, init: int, tracer: TracerClient | None) -> Callable[[float], int | None]:
    """Return a function that waits for the app's exit status.

    It asks the tracer, which knows the status first, or else the engine.
    """

    def from_tracer(seconds: float) -> int | None:
        if tracer is None or not tracer.wait(lambda: init in tracer.wait_statuses, seconds):
            return None
        status = os.waitstatus_to_exitcode(tracer.wait_statuses[init])
        # As the shell and docker report a signal: 128 plus its number.
        return status if status >= 0 else 128 - status

    return from_tracer if tracer is not None and tracer.is_attached(init) else container.wait


def stop(container: Container, init: int, name: str, wait_for_exit: Callable[[float], int | None]) -> int | None:
    """Stop the app as docker stop does; return its exit status, or None when it had to be killed.

    PID 1 receives no signal that it has no handler for (pid_namespaces(7)). In that case it is killed at once.
    """
    if _handles_signal(init, name):
        container.kill(name)
        status = wait_for_exit(STOP_SECONDS)
        if status is not None:
            return status
    container.kill()
    wait_for_exit(STOP_SECONDS)
    return None


def _handles_signal(init: int, name: str) -> bool:
    try:
        number = int(name) if name.isdigit() else signal.Signals[name if name.startswith("SIG") else f"SIG{name}"].value
        with open(f"/proc/{init}/status", encoding="utf-8", errors="replace", newline="\n") as file:
            masks = dict(line.split(":", 1) for line in file if line.startswith(("SigCgt", "SigBlk")))
        return any(int(mask, 16) >> (number - 1) & 1 for mask in masks.values())
    except (OSError, KeyError, ValueError):
        return True


def last_log_lines(container: Container) -> str:
    """Return the last log lines of a container, for an error message."""
    lines = container.logs(lines=10).strip()
    return lines or "it wrote nothing"
