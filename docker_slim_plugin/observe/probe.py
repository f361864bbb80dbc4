"""Driving the app from outside: readiness, and what is done to it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import psutil

from docker_slim_plugin.model import ProbeResult
from docker_slim_plugin.observe.crawl import visit
from docker_slim_plugin.observe.http import HttpProbe, spoken

MAX_OUTPUT = 64 * 1024
READY_QUIET, SOME_QUIET, NO_PORT_QUIET, SILENT_QUIET = 0.15, 1.5, 0.5, 30.0
"""Seconds without a new file: when all ports listen, when some do, when none is expected, when none of them does."""
HEALTH_TRIES, HEALTH_PAUSE = 5, 0.3
SKIPPED = "http-skip"
"""Kind of a result that says what was not asked: a port, or links."""
_TCP_LISTEN = "0A"
_TICK, _SLOW_TICK = 0.02, 0.2
"""Seconds between two looks at the app: who is up soon is seen soon, who takes long is not looked at as often."""
Execute = Callable[[str | Sequence[str]], tuple[int, str]]
"""Runs a shell command line, or an argv, in the container; returns exit status and output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A running container, as probes see it."""

    container: str
    image: str
    pid: int
    """Of its init, on the host."""
    ports: Mapping[int, tuple[str, int]]
    """Container TCP port -> (address, port) where the host reaches it."""
    exposed: tuple[int, ...]
    """Container ports that are expected to listen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePlan:
    """What is done to a running app."""

    http: tuple[HttpProbe, ...] = ()
    crawl: bool = True
    exec_: tuple[str, ...] = ()
    host_exec: tuple[str, ...] = ()
    healthcheck: tuple[str, ...] | None = None
    foreign: frozenset[int] = frozenset()
    """Ports that are known to speak something else."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the app has come up."""

    ready: bool
    ports: frozenset[int]
    """Expected ports that listen."""
    why: str = ""


def container_pids(init: int) -> list[int]:
    """Return the host pids of the container's init and of all below it."""
    try:
        first = psutil.Process(init)
        return [init, *(process.pid for process in first.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def listening(pids: Iterable[int]) -> frozenset[int]:
    """Return the TCP ports that these processes listen on, in their own network namespace.

    Read from /proc/PID/net (proc_pid_net(5)): psutil's net_connections knows the host's namespace only.
    """
    ports: set[int] = set()
    sockets: dict[str, int] | None = None
    for pid in pids:
        with contextlib.suppress(OSError):
            if sockets is None:
                sockets = {**_listeners(f"/proc/{pid}/net/tcp"), **_listeners(f"/proc/{pid}/net/tcp6")}
            if not sockets:
                break
            for name in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    ports.update(filter(None, [sockets.get(os.readlink(f"/proc/{pid}/fd/{name}"))]))
    return frozenset(ports)


def _listeners(table: str) -> dict[str, int]:
    """Return {"socket:[INODE]": port} of the listening sockets in a table of proc_pid_net(5)."""
    with open(table, encoding="ascii") as file:
        rows = [line.split() for line in list(file)[1:]]
    return {f"socket:[{row[9]}]": int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == _TCP_LISTEN}


def wait_ready(
    target: Target,
    alive: Callable[[], bool],
    last_new: Callable[[], float],
    deadline: float,
    ready_quiet: float = READY_QUIET,
) -> Readiness:
    """Wait until the app listens where it is expected to and has been quiet; not ready when it ends or time is up.

    `last_new` tells when something new was last seen of it, or when it was started where nothing is seen;
    `ready_quiet` is how long that must be ago when all ports listen.
    """
    expected = frozenset(target.exposed)
    begun = time.monotonic()
    ports: frozenset[int] = frozenset()
    while alive():
        if expected - ports:
            ports = listening(container_pids(target.pid)) & expected
        quiet = time.monotonic() - last_new()
        needed = ready_quiet if expected and ports == expected else SOME_QUIET if ports else NO_PORT_QUIET
        if quiet >= needed and (ports or not expected or quiet >= SILENT_QUIET):
            return Readiness(True, ports)
        if time.monotonic() > deadline:
            missing = ", ".join(str(port) for port in sorted(expected - ports))
            return Readiness(False, ports, f"nothing listens on port {missing}" if missing else "it never came to rest")
        time.sleep(min(max(_TICK, (time.monotonic() - begun) / 50), _SLOW_TICK))
    return Readiness(False, ports, "the app has ended")


def run_probes(target: Target, plan: ProbePlan, execute: Execute, deadline: float) -> tuple[ProbeResult, ...]:
    """Do all that the plan says, in its order, and return what came back."""
    results = [*_http(target, plan, deadline)]
    for command in plan.exec_:
        status, output = execute(command)
        text = output[:MAX_OUTPUT]
        results.append(_command("exec", command, status, text))
    results += [host_exec(command, target, deadline) for command in plan.host_exec]
    if plan.healthcheck:
        results.append(_healthcheck(plan.healthcheck, execute))
    return tuple(results)


def _http(target: Target, plan: ProbePlan, deadline: float) -> Iterator[ProbeResult]:
    if not plan.crawl and not plan.http:
        return
    open_ports = listening(container_pids(target.pid))
    for port, (host, host_port) in sorted(target.ports.items()):
        asked = [(request.method, request.path) for request in plan.http if request.port in (None, port)]
        if port not in open_ports or port in plan.foreign or not (plan.crawl or asked):
            continue
        server, problem = spoken(host, host_port, port)
        if server is None:
            why = f" ({problem})" if problem else ""
            yield _skipped(str(port), f"port {port} does not speak HTTP{why}: not probed")
            continue
        results, left = visit(server, list(dict.fromkeys(asked)), deadline, crawl=plan.crawl)
        yield from results
        if left:
            detail = f"port {port}: {len(results)} pages were asked, {left} or more links were not followed"
            yield _skipped(f"{port}/...", f"{detail}: --http, --keep or --keep-all-of for those that matter")
    for port in sorted(open_ports.intersection(target.exposed) - set(target.ports)):
        yield _skipped(str(port), f"port {port} cannot be reached from the host: not probed")
    for request in plan.http:
        if request.port is not None and (request.port not in target.ports or request.port not in open_ports):
            name = f"{request.method} {request.port}{request.path}"
            detail = f"nothing listens on {request.port}"
            yield ProbeResult(kind="http", target=name, ok=False, status=-1, detail=detail)


def _skipped(target: str, detail: str) -> ProbeResult:
    return ProbeResult(kind=SKIPPED, target=target, ok=True, status=-1, detail=detail)


def answered(results: Iterable[ProbeResult]) -> tuple[tuple[HttpProbe, ...], frozenset[int]]:
    """Return the HTTP requests that were answered, in their order, and the ports that speak something else.

    That is what is asked when the app is tried again: a crawl has limits of time, and may find other links.
    """
    requests, foreign = [], set()
    for result in results:
        if result.kind == SKIPPED and result.target.isdigit():
            foreign.add(int(result.target))
        elif result.kind == "http" and result.status != -1:
            method, _, rest = result.target.partition(" ")
            port, slash, path = rest.partition("/")
            requests.append(HttpProbe(method, int(port), slash + path))
    return tuple(requests), frozenset(foreign)


def host_exec(command: str, target: Target, deadline: float) -> ProbeResult:
    """Run a shell command on the host; it is told of the container by its environment, and ends at the deadline."""
    environment = {
        **os.environ,
        "DOCKER_SLIM_CONTAINER": target.container,
        "DOCKER_SLIM_IMAGE": target.image,
        **{f"DOCKER_SLIM_PORT_{port}": str(host_port) for port, (_, host_port) in target.ports.items()},
    }
    with subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=max(1.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            output = b"it did not end in time"
        finally:
            # Its whole session, on an interrupt too: what it started must not outlive the run.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    text = os.fsdecode(output[-MAX_OUTPUT:])
    return _command("host-exec", command, process.returncode, text)


def _command(kind: str, command: str, status: int, output: str) -> ProbeResult:
    return ProbeResult(
        kind=kind, target=command, ok=status == 0, status=status, output=output, detail=_failure(status, output)
    )


def _healthcheck(argv: tuple[str, ...], execute: Execute) -> ProbeResult:
    status, output = execute(argv)
    for _ in range(HEALTH_TRIES - 1):
        if status == 0:
            break
        time.sleep(HEALTH_PAUSE)
        status, output = execute(argv)
    return ProbeResult(
        kind="healthcheck", target=" ".join(argv), ok=status == 0, status=status, detail=_failure(status, output)
    )


def _failure(status: int, output: str) -> str:
    last = output.strip().splitlines()[-1:]
    return "" if status == 0 else f"exit status {status}" + (f": {last[0][:300]}" if last else "")
