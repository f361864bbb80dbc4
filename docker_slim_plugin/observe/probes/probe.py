"""The probes of a running app from outside, and their results."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from docker_slim_plugin.model.observation import LOOPBACK, SKIPPED, STATUS_ONLY, ProbeResult
from docker_slim_plugin.observe.probes.browser import Browser
from docker_slim_plugin.observe.probes.crawl import UNREADY_SECONDS, Crawl, LinkReader, crawl_server
from docker_slim_plugin.observe.probes.http import Server, detect_http
from docker_slim_plugin.observe.probes.http_spelling import HttpProbe
from docker_slim_plugin.observe.probes.links import links
from docker_slim_plugin.observe.probes.readiness import (
    Target,
    container_pids,
    is_loopback_only,
    listening,
    processor_seconds,
)
from docker_slim_plugin.observe.probes.recognition import Found, by_banner, by_program
from docker_slim_plugin.observe.probes.service import Asking
from docker_slim_plugin.observe.probes.special_requests import DOCUMENTS, send_special_requests

MAX_OUTPUT = 64 * 1024
HEALTH_TRIES, HEALTH_PAUSE = 5, 0.3
DETECT_TRIES, BUSY_SECONDS = 4, 1.0
"""How often a port is asked whether it speaks HTTP while the app uses this much processor time, in seconds, meanwhile.
"""
MAX_BROWSED = 6
"""Most pages of a server that a browser loads."""
FORM_SECONDS = LOADED_SECONDS = 5.0
"""Most seconds of the answer to a form, and to a request that a browser has sent as well."""
_PORT = re.compile(r"[0-9]{1,5}")
_HTTP_TARGET = re.compile(r"([A-Z]+(?:\[[^\]\s]*\])?) ([0-9]{1,5})(/.*)", re.DOTALL)
"""The target of a result: METHOD PORT/PATH, or METHOD[VARIANT] PORT/PATH (http.py)."""
Execute = Callable[[str | Sequence[str]], tuple[int, str]]
"""Runs a shell command line, or an argv, in the container; returns exit status and output."""
Ask = Callable[[Iterable[Found]], Iterable[ProbeResult]]
"""Asks services, and returns the results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePlan:
    """The probes to run."""

    http: tuple[HttpProbe, ...] = ()
    crawl: bool = True
    special: bool = False
    """Whether a crawled server also gets requests that no link names (special_requests.py)."""
    browser: Browser | None = None
    """Loads some pages of each crawled server as well."""
    forms: bool = False
    """Whether the forms of crawled pages are submitted."""
    follow: bool = True
    """Whether redirects are followed; unnecessary if their targets are requested themselves."""
    exec_: tuple[str, ...] = ()
    host_exec: tuple[str, ...] = ()
    healthcheck: tuple[str, ...] | None = None
    links: LinkReader = links
    """Extracts the links from responses of a crawl."""
    foreign: frozenset[int] = frozenset()
    """Ports that are known to speak another protocol than HTTP."""
    asking: Asking = field(default_factory=Asking)
    """What may be asked of services that are known."""


def run_probes(
    target: Target, plan: ProbePlan, execute: Execute, deadline: float, ask: Ask | None = None
) -> tuple[ProbeResult, ...]:
    """Run all probes of the plan in order, and return their results. `ask` asks services."""
    known = by_program(target, plan.asking.services) if ask else []
    spoken = {port for found in known if found.service.exchanges for port in found.ports}
    results = [*_http(target, replace(plan, foreign=plan.foreign | spoken), deadline)]
    if ask:
        silent = {int(one.target) for one in results if _is_silent_port(one)} | plan.foreign
        others = [one for one in plan.asking.services if one.name not in {found.service.name for found in known}]
        introduced = by_banner(target, others, sorted((silent & (target.ports.keys() | target.inner.keys())) - spoken))
        asked = list(ask([*known, *introduced]))
        explained = {port for found in (*known, *introduced) for port in found.ports} if asked else set()
        results = [
            _without_detail(one) if _is_silent_port(one) and int(one.target) in explained else one for one in results
        ]
        results += asked
    for command in plan.exec_:
        status, output = execute(command)
        text = output[:MAX_OUTPUT]
        results.append(_command("exec", command, status, text))
    results += [host_exec(command, target, deadline) for command in plan.host_exec]
    if plan.healthcheck:
        results.append(_healthcheck(plan.healthcheck, execute))
    return tuple(results)


def _is_silent_port(result: ProbeResult) -> bool:
    """Tell whether a result says that a port was not probed by HTTP."""
    return result.kind == SKIPPED and _PORT.fullmatch(result.target) is not None


def _without_detail(result: ProbeResult) -> ProbeResult:
    """Return the result of a port that was asked in another way: no warning is needed."""
    return replace(result, detail="")


def _http(target: Target, plan: ProbePlan, deadline: float) -> Iterator[ProbeResult]:
    if not plan.crawl and not plan.http:
        return
    open_ports = listening(container_pids(target.pid))
    wait_until = time.monotonic() + UNREADY_SECONDS
    answered: set[HttpProbe] = set()
    reachable = {**{port: _inner_server(target, port) for port in target.inner}, **_published_servers(target)}
    for port, place in sorted(reachable.items()):
        wanted = (None, port) if port in target.ports else (port,)
        requested = [request for request in plan.http if request.port in wanted]
        if port not in open_ports or port in plan.foreign or not (plan.crawl or requested):
            continue
        server, problem = _detect(target, place)
        if server is None:
            reason = _silence_reason(target, port, problem)
            yield _skipped(str(port), f"port {port} {reason}: not probed")
            yield from (_unanswered(request, port, reason) for request in requested if request.port == port)
            continue
        crawl = crawl_server(
            server, requested, deadline, crawl=plan.crawl, follow=plan.follow, wait_until=wait_until, read=plan.links
        )
        _send_more(crawl, plan, target)
        answered.update(requested)
        yield from crawl.results
        if place.connect is not None and ipaddress.ip_address(place.host).is_loopback:
            yield _skipped(f"{port}{LOOPBACK}", "")
        yield from _left_out(crawl, port)
    for port in sorted(open_ports.intersection(target.exposed) - set(reachable)):
        yield _skipped(str(port), f"port {port} cannot be reached from the host: not probed")
    for request in plan.http:
        if request.port is None and request not in answered:
            yield _unanswered(request, None, "no HTTP server listens")
        elif request.port is not None and request.port not in open_ports.intersection(reachable):
            yield _unanswered(request, request.port, f"nothing listens on {request.port}")


def _detect(target: Target, place: Server) -> tuple[Server | None, str]:
    """Return `place` as a server, or the reason why it is none. A busy app may compile before its first answer."""
    server, problem = None, ""
    for _ in range(DETECT_TRIES):
        used = processor_seconds(target.pid)
        server, problem = detect_http(place)
        if server or "no answer" not in problem or processor_seconds(target.pid) - used < BUSY_SECONDS:
            break
    return server, problem


def _send_more(crawl: Crawl, plan: ProbePlan, target: Target) -> None:
    """Send the requests beside a crawl that the plan has."""
    if plan.special and any(one.status != -1 for one in crawl.results):
        send_special_requests(crawl, writes=plan.asking.writes)
    if plan.browser:
        # The first page, pages of frameworks that scripts build, and then the others.
        for path in sorted(crawl.pages, key=lambda one: (one != "/", one not in DOCUMENTS))[:MAX_BROWSED]:
            crawl.request_loaded(plan.browser.requests(target, crawl.server, path), LOADED_SECONDS)
    if plan.forms:
        crawl.submit_forms(FORM_SECONDS)


def _published_servers(target: Target) -> dict[int, Server]:
    """Return the servers at published ports, but those that listen on loopback alone: they are reached inside."""
    return {
        port: Server(host, host_port, port)
        for port, (host, host_port) in target.ports.items()
        if port not in target.inner or not is_loopback_only(target.pid, port)
    }


def _inner_server(target: Target, port: int) -> Server:
    """Return the server at a port of the container's network namespace."""
    address = target.inner[port]
    connect = None if target.connect_inside is None else partial(target.connect_inside, address, port)
    return Server(address, port, port, connect=connect)


def _left_out(crawl: Crawl, port: int) -> Iterator[ProbeResult]:
    """Yield what a crawl has left out."""
    if crawl.skipped:
        detail = (
            f"port {port}: {len(crawl.results)} pages were requested, {crawl.skipped} or more links were not followed"
        )
        yield _skipped(f"{port}/...", f"{detail}: --http, --keep or --keep-all-of for those that matter")
    if crawl.ending:
        detail = f"port {port}: links that may end or delete something were not followed"
        yield _skipped(f"{port}/.", f"{detail}: {', '.join(sorted(crawl.ending)[:3])}; --http requests one")


def _silence_reason(target: Target, port: int, problem: str) -> str:
    """Return the reason why a port is not probed."""
    if problem and is_loopback_only(target.pid, port):
        return "listens on the container's loopback address alone"
    return f"does not speak HTTP ({problem})" if problem else "does not speak HTTP"


def _skipped(target: str, detail: str) -> ProbeResult:
    return ProbeResult(kind=SKIPPED, target=target, ok=True, status=-1, detail=detail)


def _unanswered(request: HttpProbe, port: int | None, detail: str) -> ProbeResult:
    name = f"{request.method} {'' if port is None else port}{request.path}"
    return ProbeResult(kind="http", target=name, ok=False, status=-1, detail=detail)


def replayable_requests(results: Iterable[ProbeResult], *, ended: bool) -> tuple[tuple[HttpProbe, ...], frozenset[int]]:
    """Return the HTTP requests that were answered, in their order, and the ports that speak another protocol.

    These are the requests to repeat with another image: a crawl has limits of time, and may find other links there. If
    the app has `ended`, the first request without a response may have ended it, and is included.
    """
    requests, foreign = [], set()
    for result in results:
        ended_app = ended and result.kind == "http" and result.status == -1
        ended = ended and not ended_app
        if _is_silent_port(result):
            foreign.add(int(result.target))
        elif (
            result.kind in ("http", STATUS_ONLY)
            and (ended_app or result.status != -1)
            and (match := _HTTP_TARGET.fullmatch(result.target))
        ):
            status = None if ended_app else result.status
            is_special = result.kind == STATUS_ONLY
            requests.append(HttpProbe(match[1], int(match[2]), match[3], status, result.seconds, is_special))
    return tuple(requests), frozenset(foreign)


def replayable_targets(results: Iterable[ProbeResult], kind: str) -> frozenset[str]:
    """Return the targets of the successful results of a kind: questions to services, jobs of cron."""
    return frozenset(one.target for one in results if one.kind == kind and one.ok)


def host_exec(command: str, target: Target, deadline: float) -> ProbeResult:
    """Run a shell command on the host until the deadline; environment variables tell it about the container."""
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
            # Kill the whole session, on an interrupt too: processes of the command must not outlive the run.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    text = os.fsdecode(output[-MAX_OUTPUT:])
    return _command("host-exec", command, process.returncode, text)


def _command(kind: str, command: str, status: int, output: str) -> ProbeResult:
    return ProbeResult(
        kind=kind, target=command, ok=status == 0, status=status, output=output, detail=_failure_detail(status, output)
    )


def _healthcheck(argv: tuple[str, ...], execute: Execute) -> ProbeResult:
    status, output = execute(argv)
    for _ in range(HEALTH_TRIES - 1):
        if status == 0:
            break
        time.sleep(HEALTH_PAUSE)
        status, output = execute(argv)
    return ProbeResult(
        kind="healthcheck", target=" ".join(argv), ok=status == 0, status=status, detail=_failure_detail(status, output)
    )


def _failure_detail(status: int, output: str) -> str:
    last = output.strip().splitlines()[-1:]
    return "" if status == 0 else f"exit status {status}" + (f": {last[0][:300]}" if last else "")
