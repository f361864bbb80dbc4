"""Asking a server for some pages, and for what they lead to on the same server, as a browser would; bounded."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from urllib.parse import urldefrag, urljoin, urlsplit

from docker_slim_plugin.engine.gate import GATE_PATH
from docker_slim_plugin.model.observation import ProbeResult
from docker_slim_plugin.observe.probes import links as document
from docker_slim_plugin.observe.probes.http import RESPONSE_SECONDS, Response, Server, fetch
from docker_slim_plugin.observe.probes.http_spelling import HttpProbe
from docker_slim_plugin.observe.probes.links import MAX_LINK, MAX_LINKS, Links

MAX_PAGES = 100
MAX_RESPONSE_LINKS = 2 * MAX_LINKS
"""Of one answer."""
MAX_SAME_PATH = 5
"""Links to one path that differ in their query only: calendars and sorted tables have no end."""
MAX_SHOWN = 2000
"""Bytes of a body that are kept as text."""
CRAWL_SECONDS, UNREADY_SECONDS, UNREADY_PAUSE = 10.0, 10.0, 0.3
MIN_SECONDS, SLOWDOWN = 5.0, 4.0
"""What is known to answer is waited for as much longer, and at least so long."""
UNREADY = (502, 503, 504)
"""What a server says for an app behind it that is not up yet."""
WELL_KNOWN = ("/favicon.ico", "/robots.txt")
"""What every browser and every crawler asks a site for, linked or not."""
Fetch = Callable[[Server, str, str, float], Response]
LinkReader = Callable[[str, bytes], Links]
"""Given a content type and a body, returns its links; where it does so is its own business."""


def crawl_server(
    server: Server,
    requested: Sequence[HttpProbe],
    deadline: float,
    *,
    crawl: bool,
    follow: bool = True,
    wait_until: float | None = None,
    fetch: Fetch = fetch,
    read: LinkReader = document.links,
) -> tuple[tuple[ProbeResult, ...], int]:
    """Ask `server` what is asked of it, and `follow` redirects; with `crawl` links too, from / on.

    An app that is not up yet is waited for until `wait_until` ends (time.monotonic()). Return what came back, and how
    many links were left for want of time or because there are too many.
    """
    probes = {(one.method, one.path): one for one in requested}
    pending = deque([*probes, *([("GET", "/")] if crawl else [])])
    seen = set(pending)
    wanted = len(pending)
    wait_until = time.monotonic() + UNREADY_SECONDS if wait_until is None else wait_until
    variants = Counter(_name(path) for _, path in pending)
    end = min(deadline, time.monotonic() + CRAWL_SECONDS)
    results: list[ProbeResult] = []
    skipped = 0
    while pending:
        if len(results) >= wanted and (len(results) >= MAX_PAGES or time.monotonic() > end):
            skipped += len(pending)
            break
        method, path = pending.popleft()
        probe = probes.get((method, path))
        started = time.monotonic()
        response = _fetch_when_up(
            partial(fetch, server, method, path), deadline, wait_until if not results else 0.0, probe
        )
        results.append(_result(f"{method} {server.port}{path}", response, probe, time.monotonic() - started))
        for link in (
            links(server, path, response, read) if crawl else redirect(server, path, response) if follow else ()
        ):
            if ("GET", link) in seen:
                continue
            seen.add(("GET", link))
            variants[_name(link)] += 1
            if variants[_name(link)] > MAX_SAME_PATH:
                skipped += 1
            else:
                pending.append(("GET", link))
    return tuple(results), skipped


def _fetch_when_up(
    send: Callable[[float], Response], deadline: float, wait_until: float, probe: HttpProbe | None
) -> Response:
    """Return the answer; where a server says that its app is not up yet, the one that it gives when patience ends."""
    end = min(deadline, wait_until)
    known_seconds = probe.seconds if probe else 0.0
    timeout = min(RESPONSE_SECONDS, max(MIN_SECONDS, SLOWDOWN * known_seconds)) if known_seconds else RESPONSE_SECONDS
    while True:
        response = send(max(1.0, min(timeout, deadline - time.monotonic())))
        # What is the right answer is not waited for to change.
        is_expected = probe is not None and response.status == probe.status
        if is_expected or response.status not in UNREADY or time.monotonic() > end:
            return response
        time.sleep(UNREADY_PAUSE)


def _name(path: str) -> str:
    return path.partition("?")[0]


def _result(target: str, response: Response, probe: HttpProbe | None, seconds: float) -> ProbeResult:
    """Return an answer as a result; where nobody has said what it is to be, any below 500 is a good one."""
    is_good = probe.accepts(response.status) if probe else 0 < response.status < 500
    return ProbeResult(
        kind="http",
        target=target,
        ok=is_good,
        status=response.status,
        detail=response.problem or ("" if is_good else f"HTTP {response.status}"),
        output=_body_excerpt(response.body),
        seconds=round(seconds, 3),
    )


def _body_excerpt(body: bytes) -> str:
    """Return how a body begins, and what tells it from others."""
    text = os.fsdecode(body[:MAX_SHOWN])
    more = len(body) - MAX_SHOWN
    return text if more <= 0 else f"{text}... {more} bytes more, sha256 {hashlib.sha256(body).hexdigest()}"


def redirect(server: Server, path: str, response: Response) -> list[str]:
    """Return the path that an answer sends on to, if it is on the same server."""
    return list(_same_server(server, path, [response.location] if response.location else []))


def links(server: Server, path: str, response: Response, read: LinkReader = document.links) -> list[str]:
    """Return the paths on the same server that an answer leads to: what it needs first, and each once."""
    links_found = read(response.kind, response.body)
    try:
        base = urljoin(_url(server, path), links_found.base) if 0 < len(links_found.base) <= MAX_LINK else path
    except ValueError:
        base = path
    well_known = WELL_KNOWN if "html" in response.kind and path == "/" else ()
    same_server = _same_server(server, base, (*links_found.assets, *well_known, *links_found.pages))
    return list(dict.fromkeys([*redirect(server, path, response), *same_server]))


def _url(server: Server, path: str) -> str:
    return f"{'https' if server.secure else 'http'}://{server.authority}{path}"


def _same_server(server: Server, base: str, links_found: Iterable[str]) -> Iterator[str]:
    """Yield path and query of those links that lead to the server itself, whatever it calls itself."""
    hosts = {"localhost", "127.0.0.1", "::1", server.host}
    ports = {None, server.port, server.host_port}
    start = base if "://" in base.partition("?")[0] else _url(server, base)
    # Bounded once more: who has read them has read a hostile page.
    for link in islice(links_found, MAX_RESPONSE_LINKS):
        if len(link) > MAX_LINK:
            continue
        try:
            parts = urlsplit(urldefrag(urljoin(start, link.strip())).url)
            same_server = parts.hostname in hosts and parts.port in ports and parts.scheme in ("http", "https")
        except ValueError:
            continue
        # A read-only container shows it to an app that lists its root directory.
        if same_server and parts.path != GATE_PATH and len(parts.path) + len(parts.query) < MAX_LINK:
            yield (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
