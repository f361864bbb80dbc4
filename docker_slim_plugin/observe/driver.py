"""Driving one run of the app from outside: wait until it is up, probe it, wait until it is quiet, stop it.

The same for the source, which is watched meanwhile, and for the slim images, which are not.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import psutil

from docker_slim_plugin.engine import Container
from docker_slim_plugin.engine.secrets import hidden_result, hiding, secrets_of
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.observation import Access, RunResult
from docker_slim_plugin.observe.launch import Launch
from docker_slim_plugin.observe.probes.probe import Execute, ProbePlan, run_probes
from docker_slim_plugin.observe.probes.readiness import Target, processor_seconds, wait_ready
from docker_slim_plugin.observe.tracer.client import TracerClient
from docker_slim_plugin.observe.watcher.watcher import Watch
from docker_slim_plugin.progress import Progress

STOP_SECONDS = 10.0
"""docker stop's own grace."""
QUIET_SECONDS = 0.3, 1.0
"""No new file for so long, and a run with its probes done is over: as long as these had taken, within these bounds."""
IDLE_SECONDS, IDLE_AGAIN_SECONDS = 10.0, 3.0
"""Without a port or a probe to go by, the app must also have used no processor for so long; when tried again, less."""
IDLE_SHARE = 0.05
ANYWHERE = ("", "0.0.0.0", "::")  # noqa: S104
_TICK = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """What is done to the running app."""

    launch: Launch
    probes: ProbePlan
    until: str
    """probes, exit, enter, or seconds."""
    timeout: float
    """Seconds that one run may take at most."""
    known_ports: frozenset[int] | None = None
    """Ports that listened in the run of the source; None in that run itself."""
    known_ready: float = 0.0
    """Seconds that it took the source to come up."""


@dataclass(slots=True)
class Seen:
    """The run's senses, where it has some."""

    tracer: TracerClient | None = None
    watch: Watch | None = None
    started: float = field(default_factory=time.monotonic)
    until_up: tuple[Access, ...] = ()
    """What had been seen by the time that the app was up."""

    def accesses(self) -> tuple[Access, ...]:
        """Return what has been seen so far."""
        return tuple(access for sense in (self.tracer, self.watch) if sense for access in sense.accesses())

    def last_new(self) -> float:
        """Return when something was last seen for the first time (time.monotonic())."""
        times = [self.started]
        if self.tracer:
            times.append(self.tracer.last_new)
        if self.watch:
            times.append(self.watch.last_new)
        return max(times)

    def show(self, progress: Progress) -> None:
        """Say how much has been seen, if anything is looked at."""
        if self.tracer or self.watch:
            progress.count(**self.counts())

    def counts(self) -> dict[str, int]:
        return {
            "paths": self.tracer.access_count() if self.tracer else len(self.watch.accesses()) if self.watch else 0,
            "events": (self.tracer.events if self.tracer else 0) + (self.watch.events if self.watch else 0),
        }


def run(
    container: Container,
    init: int,
    drive: Drive,
    seen: Seen,
    *,
    follow: Callable[[int], None] | None,
    progress: Progress,
) -> RunResult:
    """Drive the app in a started container until `drive` says enough, then stop it; the same for source and slim.

    What it says of the values that it was given is hidden.
    """
    secrets = secrets_of(drive.launch.options, os.environ)
    with hiding(secrets):
        return hidden_result(_run(container, init, drive, seen, follow, progress), secrets)


def _run(
    container: Container,
    init: int,
    drive: Drive,
    seen: Seen,
    follow: Callable[[int], None] | None,
    progress: Progress,
) -> RunResult:
    deadline = time.monotonic() + drive.timeout
    launch = drive.launch

    def alive() -> bool:
        return psutil.Process(init).status() != psutil.STATUS_ZOMBIE

    def interrupted() -> bool:
        tracer = seen.tracer
        return tracer is not None and bool(tracer.privilege_gains or tracer.tracers or tracer.has_exited)

    def lives() -> bool:
        seen.show(progress)
        try:
            return alive() and not interrupted()
        except psutil.NoSuchProcess:
            return False

    if drive.until == "exit":
        return _until_exit(container, lives, deadline)
    target = reach(container, init, launch.network, launch.ports, drive.known_ports)
    readiness = wait_ready(
        target, lives, seen.last_new, deadline, None if seen.tracer or seen.watch else drive.known_ready
    )
    if not lives():
        return RunResult() if interrupted() else ended(container)
    if not readiness.ready:
        raise SlimError(
            f"cannot see the app come up within {drive.timeout:.0f} s: {readiness.why}", hint="--timeout, --until"
        )

    ports, ready = tuple(sorted(readiness.ports)), time.monotonic() - seen.started
    seen.until_up = seen.accesses()
    results = run_probes(target, drive.probes, in_container(container, follow, deadline), deadline)
    settle(drive.until, seen, lives, init, deadline, idle=not (results or readiness.ports))
    if not lives():
        return RunResult() if interrupted() else replace(ended(container), probes=results, ports=ports, ready=ready)
    awaited = _awaited(container, init, seen.tracer)
    status = stop(container, init, launch.stop_signal, awaited)
    return RunResult(probes=results, ports=ports, ready=ready, stop_status=status)


def in_container(container: Container, follow: Callable[[int], None] | None, deadline: float) -> Execute:
    """Return how to run a command in the container, until the deadline at most."""

    def execute(command: str | Sequence[str]) -> tuple[int, str]:
        argv = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        return container.execute(argv, follow, deadline)

    return execute


def reach(
    container: Container, init: int, network: str, expected: tuple[int, ...], known: frozenset[int] | None = None
) -> Target:
    """Return how the container is reached, where the app may listen on the `expected` ports.

    `known` are those worth asking, None where that is to be found out.
    """
    attributes = container.attributes()
    ports: dict[int, tuple[str, int]] = {}
    for name, places in (attributes["NetworkSettings"]["Ports"] or {}).items():
        number, _, protocol = name.partition("/")
        if protocol == "tcp" and places:
            host = places[0]["HostIp"]
            ports[int(number)] = ("127.0.0.1" if host in ANYWHERE else host, int(places[0]["HostPort"]))
    if network == "host":
        ports = {port: ("127.0.0.1", port) for port in expected}
    return Target(
        container=container.id,
        image=attributes["Config"]["Image"],
        pid=init,
        ports={port: where for port, where in ports.items() if known is None or port in known},
        exposed=expected if known is None else tuple(sorted(known)),
    )


def _until_exit(container: Container, lives: Callable[[], bool], deadline: float) -> RunResult:
    while lives():
        if time.monotonic() > deadline:
            raise SlimError("cannot wait any longer: the app has not ended", hint="--timeout SECONDS, --until probes")
        time.sleep(_TICK)
    return ended(container)


def ended(container: Container) -> RunResult:
    status = container.wait(STOP_SECONDS)
    return RunResult(exit_status=-1 if status is None else status, output=container.output())


def settle(until: str, seen: Seen, lives: Callable[[], bool], init: int, deadline: float, *, idle: bool) -> None:
    """Wait until the run has shown what it has to show."""
    if until == "enter":
        while lives() and time.monotonic() < deadline and not select.select([sys.stdin], [], [], 0.2)[0]:
            pass
        return
    if until not in ("probes", "exit", "enter"):
        end = min(deadline, seen.started + float(until))
        while lives() and time.monotonic() < end:
            time.sleep(_TICK)
        return
    if not (seen.tracer or seen.watch or idle):
        return
    least, most = QUIET_SECONDS
    quiet = min(most, max(least, time.monotonic() - seen.started))
    enough = IDLE_SECONDS if seen.tracer or seen.watch else IDLE_AGAIN_SECONDS
    used, since = processor_seconds(init), time.monotonic()
    while lives() and time.monotonic() < deadline:
        now = time.monotonic()
        if idle and now - since >= enough:
            before, used = used, processor_seconds(init)
            since = now
            if used - before < IDLE_SHARE * enough and now - seen.last_new() >= quiet:
                return
        if not idle and now - seen.last_new() >= quiet:
            return
        time.sleep(_TICK)


def _awaited(container: Container, init: int, tracer: TracerClient | None) -> Callable[[float], int | None]:
    """Return how to wait for the app's exit status: from the tracer, which knows it first, or from the engine."""

    def told(seconds: float) -> int | None:
        if tracer is None or not tracer.wait(lambda: init in tracer.wait_statuses, seconds):
            return None
        status = os.waitstatus_to_exitcode(tracer.wait_statuses[init])
        # As a shell and docker say it.
        return status if status >= 0 else 128 - status

    return told if tracer is not None and tracer.is_attached(init) else container.wait


def stop(container: Container, init: int, name: str, ended: Callable[[float], int | None]) -> int | None:
    """Stop the app as docker stop would; return its exit status, or None when it had to be killed.

    PID 1 gets no signal that it has no handler for (pid_namespaces(7)), so it is not waited for in vain.
    """
    if _handles(init, name):
        container.kill(name)
        status = ended(STOP_SECONDS)
        if status is not None:
            return status
    container.kill()
    ended(STOP_SECONDS)
    return None


def _handles(init: int, name: str) -> bool:
    try:
        number = int(name) if name.isdigit() else signal.Signals[name if name.startswith("SIG") else f"SIG{name}"].value
        with open(f"/proc/{init}/status", encoding="utf-8", errors="replace", newline="\n") as file:
            masks = dict(line.split(":", 1) for line in file if line.startswith(("SigCgt", "SigBlk")))
        return any(int(mask, 16) >> (number - 1) & 1 for mask in masks.values())
    except (OSError, KeyError, ValueError):
        return True


def last_words(container: Container) -> str:
    """Return the last log lines of a container, for an error message."""
    words = container.logs(lines=10).strip()
    return words or "it wrote nothing"
