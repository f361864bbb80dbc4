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
from docker_slim_plugin.observe.probes.http import ANSWER_SECONDS, Answer, Server, ask
from docker_slim_plugin.observe.probes.http_spelling import HttpProbe
from docker_slim_plugin.observe.probes.links import MAX_LINK, MAX_LINKS, Links

MAX_PAGES = 100
MOST_LINKS = 2 * MAX_LINKS
"""Of one answer."""
SAME_PATH = 5
"""Links to one path that differ in their query only: calendars and sorted tables have no end."""
MAX_SHOWN = 2000
"""Bytes of a body that are kept as text."""
CRAWL_SECONDS, UNREADY_SECONDS, UNREADY_PAUSE = 10.0, 10.0, 0.3
LEAST_SECONDS, SLOWER = 5.0, 4.0
"""What is known to answer is waited for as much longer, and at least so long."""
UNREADY = (502, 503, 504)
"""What a server says for an app behind it that is not up yet."""
USUAL = ("/favicon.ico", "/robots.txt")
"""What every browser and every crawler asks a site for, linked or not."""
Ask = Callable[[Server, str, str, float], Answer]
LinkReader = Callable[[str, bytes], Links]
"""Given a content type and a body, returns its links; where it does so is its own business."""


def visit(
    server: Server,
    asked: Sequence[HttpProbe],
    deadline: float,
    *,
    crawl: bool,
    follow: bool = True,
    patience: float | None = None,
    ask: Ask = ask,
    read: LinkReader = document.links,
) -> tuple[tuple[ProbeResult, ...], int]:
    """Ask `server` what is asked of it, and `follow` redirects; with `crawl` links too, from / on.

    An app that is not up yet is waited for until `patience` ends (time.monotonic()). Return what came back, and how
    many links were left for want of time or because there are too many.
    """
    given = {(one.method, one.path): one for one in asked}
    pending = deque([*given, *([("GET", "/")] if crawl else [])])
    seen = set(pending)
    wanted = len(pending)
    patience = time.monotonic() + UNREADY_SECONDS if patience is None else patience
    variants = Counter(_name(path) for _, path in pending)
    end = min(deadline, time.monotonic() + CRAWL_SECONDS)
    results: list[ProbeResult] = []
    left = 0
    while pending:
        if len(results) >= wanted and (len(results) >= MAX_PAGES or time.monotonic() > end):
            left += len(pending)
            break
        method, path = pending.popleft()
        probe = given.get((method, path))
        begun = time.monotonic()
        answer = _settled(partial(ask, server, method, path), deadline, patience if not results else 0.0, probe)
        results.append(_result(f"{method} {server.port}{path}", answer, probe, time.monotonic() - begun))
        for link in links(server, path, answer, read) if crawl else redirect(server, path, answer) if follow else ():
            if ("GET", link) in seen:
                continue
            seen.add(("GET", link))
            variants[_name(link)] += 1
            if variants[_name(link)] > SAME_PATH:
                left += 1
            else:
                pending.append(("GET", link))
    return tuple(results), left


def _settled(once: Callable[[float], Answer], deadline: float, patience: float, probe: HttpProbe | None) -> Answer:
    """Return the answer; where a server says that its app is not up yet, the one that it gives when patience ends."""
    end = min(deadline, patience)
    known = probe.seconds if probe else 0.0
    most = min(ANSWER_SECONDS, max(LEAST_SECONDS, SLOWER * known)) if known else ANSWER_SECONDS
    while True:
        answer = once(max(1.0, min(most, deadline - time.monotonic())))
        # What is the right answer is not waited for to change.
        right = probe is not None and answer.status == probe.status
        if right or answer.status not in UNREADY or time.monotonic() > end:
            return answer
        time.sleep(UNREADY_PAUSE)


def _name(path: str) -> str:
    return path.partition("?")[0]


def _result(target: str, answer: Answer, probe: HttpProbe | None, seconds: float) -> ProbeResult:
    """Return an answer as a result; where nobody has said what it is to be, any below 500 is a good one."""
    good = probe.is_answered_by(answer.status) if probe else 0 < answer.status < 500
    return ProbeResult(
        kind="http",
        target=target,
        ok=good,
        status=answer.status,
        detail=answer.problem or ("" if good else f"HTTP {answer.status}"),
        output=_said(answer.body),
        seconds=round(seconds, 3),
    )


def _said(body: bytes) -> str:
    """Return how a body begins, and what tells it from others."""
    text = os.fsdecode(body[:MAX_SHOWN])
    more = len(body) - MAX_SHOWN
    return text if more <= 0 else f"{text}... {more} bytes more, sha256 {hashlib.sha256(body).hexdigest()}"


def redirect(server: Server, path: str, answer: Answer) -> list[str]:
    """Return the path that an answer sends on to, if it is on the same server."""
    return list(_own(server, path, [answer.location] if answer.location else []))


def links(server: Server, path: str, answer: Answer, read: LinkReader = document.links) -> list[str]:
    """Return the paths on the same server that an answer leads to: what it needs first, and each once."""
    found = read(answer.kind, answer.body)
    try:
        base = urljoin(_url(server, path), found.base) if 0 < len(found.base) <= MAX_LINK else path
    except ValueError:
        base = path
    usual = USUAL if "html" in answer.kind and path == "/" else ()
    own = _own(server, base, (*found.assets, *usual, *found.pages))
    return list(dict.fromkeys([*redirect(server, path, answer), *own]))


def _url(server: Server, path: str) -> str:
    return f"{'https' if server.secure else 'http'}://{server.authority}{path}"


def _own(server: Server, base: str, found: Iterable[str]) -> Iterator[str]:
    """Yield path and query of those links that lead to the server itself, whatever it calls itself."""
    hosts = {"localhost", "127.0.0.1", "::1", server.host}
    ports = {None, server.port, server.host_port}
    start = base if "://" in base.partition("?")[0] else _url(server, base)
    # Bounded once more: who has read them has read a hostile page.
    for link in islice(found, MOST_LINKS):
        if len(link) > MAX_LINK:
            continue
        try:
            parts = urlsplit(urldefrag(urljoin(start, link.strip())).url)
            own = parts.hostname in hosts and parts.port in ports and parts.scheme in ("http", "https")
        except ValueError:
            continue
        # A read-only container shows it to an app that lists its root directory.
        if own and parts.path != GATE_PATH and len(parts.path) + len(parts.query) < MAX_LINK:
            yield (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
