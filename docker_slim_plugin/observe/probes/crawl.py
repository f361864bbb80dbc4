"""A bounded crawl: requests some pages from a server, and the links on them to the same server, as a browser would."""

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
"""Maximum number of links of one response."""
MAX_SAME_PATH = 5
"""Maximum number of links to one path with different queries: calendars and sorted tables are endless."""
MAX_SHOWN = 2000
"""Number of bytes of a body that are kept as text."""
CRAWL_SECONDS, UNREADY_SECONDS, UNREADY_PAUSE = 10.0, 10.0, 0.3
MIN_SECONDS, SLOWDOWN = 5.0, 4.0
"""A request that the source answered may take this many times as long, and at least this many seconds."""
UNREADY = (502, 503, 504)
"""Statuses of a proxy whose backend is not ready yet."""
WELL_KNOWN = ("/favicon.ico", "/robots.txt")
"""Paths that browsers and crawlers request from any site, linked or not."""
Fetch = Callable[[Server, str, str, float], Response]
LinkReader = Callable[[str, bytes], Links]
"""Takes a content type and a body, and returns the links; it may do so in another process."""


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
    """Send the `requested` requests to `server`, and `follow` redirects; with `crawl` also follow links, starting at /.

    An app that is not ready yet is retried until `wait_until` (time.monotonic()). Return the results, and the number of
    links that were skipped because of the limits of time and number.
    """
    probes = {(one.method, one.path): one for one in requested}
    pending = deque([*probes, *([("GET", "/")] if crawl else [])])
    seen = set(pending)
    required = len(pending)
    wait_until = time.monotonic() + UNREADY_SECONDS if wait_until is None else wait_until
    variants = Counter(_name(path) for _, path in pending)
    end = min(deadline, time.monotonic() + CRAWL_SECONDS)
    results: list[ProbeResult] = []
    skipped = 0
    while pending:
        if len(results) >= required and (len(results) >= MAX_PAGES or time.monotonic() > end):
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
    """Return the response; if the server's backend is not ready yet, retry until `wait_until`."""
    end = min(deadline, wait_until)
    known_seconds = probe.seconds if probe else 0.0
    timeout = min(RESPONSE_SECONDS, max(MIN_SECONDS, SLOWDOWN * known_seconds)) if known_seconds else RESPONSE_SECONDS
    while True:
        response = send(max(1.0, min(timeout, deadline - time.monotonic())))
        # The expected status is accepted at once, even one that means "not ready".
        is_expected = probe is not None and response.status == probe.status
        if is_expected or response.status not in UNREADY or time.monotonic() > end:
            return response
        time.sleep(UNREADY_PAUSE)


def _name(path: str) -> str:
    return path.partition("?")[0]


def _result(target: str, response: Response, probe: HttpProbe | None, seconds: float) -> ProbeResult:
    """Return a response as a result; without an expected status, any below 500 is good."""
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
    """Return the beginning of a body, and the digest of a long one, so that bodies can be compared."""
    text = os.fsdecode(body[:MAX_SHOWN])
    more = len(body) - MAX_SHOWN
    return text if more <= 0 else f"{text}... {more} bytes more, sha256 {hashlib.sha256(body).hexdigest()}"


def redirect(server: Server, path: str, response: Response) -> list[str]:
    """Return the target of a redirect, if it is on the same server."""
    return list(_same_server(server, path, [response.location] if response.location else []))


def links(server: Server, path: str, response: Response, read: LinkReader = document.links) -> list[str]:
    """Return the distinct paths on the same server that a response links to, assets first."""
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
    """Yield path and query of those links that point to the server itself, by any of its names."""
    hosts = {"localhost", "127.0.0.1", "::1", server.host}
    ports = {None, server.port, server.host_port}
    start = base if "://" in base.partition("?")[0] else _url(server, base)
    # Bounded again: the links come from a process that has parsed hostile input.
    for link in islice(links_found, MAX_RESPONSE_LINKS):
        if len(link) > MAX_LINK:
            continue
        try:
            parts = urlsplit(urldefrag(urljoin(start, link.strip())).url)
            same_server = parts.hostname in hosts and parts.port in ports and parts.scheme in ("http", "https")
        except ValueError:
            continue
        # In a read-only container the gate is visible to an app that lists its root directory.
        if same_server and parts.path != GATE_PATH and len(parts.path) + len(parts.query) < MAX_LINK:
            yield (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
