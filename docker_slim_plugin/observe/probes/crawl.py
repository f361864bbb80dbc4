"""A bounded crawl: requests some pages from a server, and the links on them to the same server, as a browser would."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from urllib.parse import urldefrag, urljoin, urlsplit

from docker_slim_plugin.engine.gate import GATE_PATH
from docker_slim_plugin.model.observation import STATUS_ONLY, ProbeResult
from docker_slim_plugin.observe.probes import links as document
from docker_slim_plugin.observe.probes.forms import MAX_FORMS, Form
from docker_slim_plugin.observe.probes.http import RESPONSE_SECONDS, Response, Server, fetch
from docker_slim_plugin.observe.probes.http_spelling import HttpProbe
from docker_slim_plugin.observe.probes.links import MAX_LINK, MAX_LINKS, Links
from docker_slim_plugin.observe.probes.net_log import Loaded

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
OK, TOO_MANY = 200, 429
ASSET_ENDINGS = (".css", ".js", ".mjs", ".png", ".svg", ".jpg", ".ico", ".woff2", ".txt", ".html", ".json")
_ABSOLUTE = re.compile(r"(?i)(https?)://([\w.-]{1,253}(?::[0-9]{1,5})?)((?:/[^\s#]*)?)")
UNREADY = (502, 503, 504)
"""Statuses of a proxy whose backend is not ready yet."""
WELL_KNOWN = ("/favicon.ico", "/robots.txt")
"""Paths that browsers and crawlers request from any site, linked or not."""
ENDING = re.compile(r"(?i)(?:log|sign)[-_]?(?:out|off)|delete|destroy|remove|shutdown|unsubscribe")
"""Links that may end a session or the app, or delete something, are not followed."""
FIRST_SECONDS = 3.0
"""Seconds of the first try of a link. A slow one is tried again when all others are done."""
MAX_WAIT = 5.0
"""Seconds that a server may make us wait in all (429, Retry-After)."""
MAX_PUBLIC = 2
"""Most names under which a server may say that clients know it."""
Fetch = Callable[[Server, str, str, float], Response]
LinkReader = Callable[[str, bytes], Links]
"""Takes a content type and a body, and returns the links; it may do so in another process."""


class Crawl:
    """The crawl of one server: requests in order, results, and what was left out."""

    def __init__(
        self, server: Server, requested: Sequence[HttpProbe], deadline: float, fetch: Fetch, read: LinkReader
    ) -> None:
        self.server = server
        self.probes = {(one.method, one.path): one for one in requested}
        self.deadline = deadline
        self.results: list[ProbeResult] = []
        self.skipped = 0
        """Links that were not followed because of the limits of time and number."""
        self.ending: list[str] = []
        """Links that were not followed because of what they may do."""
        self.pages: list[str] = []
        """Paths of the HTML pages."""
        self.forms: list[tuple[str, Form]] = []
        """The forms of the pages, each with the path of its page."""
        self._fetch, self.read = fetch, read
        self._seen = set(self.probes)
        self._pending = deque(self.probes)
        self._slow: deque[tuple[str, str]] = deque()
        self._variants = Counter(_name(path) for _, path in self.probes)
        self._public: set[str] = set()
        self._wait = MAX_WAIT

    def request_all(self, *, crawl: bool, follow: bool, wait_until: float) -> None:
        """Send the requested requests and `follow` redirects; with `crawl` also follow links, starting at /."""
        if crawl:
            self._add("GET", "/")
        required = len(self._pending)
        end = min(self.deadline, time.monotonic() + CRAWL_SECONDS)
        while self._pending or self._slow:
            if len(self.results) >= required and (len(self.results) >= MAX_PAGES or time.monotonic() > end):
                self.skipped += len(self._pending) + len(self._slow)
                break
            is_second = not self._pending
            method, path = (self._slow if is_second else self._pending).popleft()
            is_first = crawl and not is_second and len(self.results) >= required
            seconds = FIRST_SECONDS if is_first else RESPONSE_SECONDS
            until = wait_until if not self.results else 0.0
            response = self._request(method, path, until, seconds, is_first_try=is_first)
            if response is None:
                self._slow.append((method, path))
                continue
            if crawl:
                self._follow(method, path, links(self.server, path, response, self._reader(path), _public_host(method)))
            elif follow:
                self._follow(method, path, redirect(self.server, path, response))
            if crawl or follow:
                self._follow_public(path, response)

    def _reader(self, path: str) -> LinkReader:
        """Return the reader of links of a page, which remembers its forms."""

        def read(kind: str, body: bytes) -> Links:
            found = self.read(kind, body)
            self.forms += [(path, form) for form in found.forms[:MAX_FORMS]]
            return found

        return read

    def request_loaded(self, loaded: Iterable[Loaded], seconds: float) -> None:
        """Send the requests of a page that a browser has loaded, as far as they go to this server and change nothing.

        Only their statuses are results.
        """
        for one in loaded:
            is_socket = one.url.startswith("ws")
            url = f"http{one.url.removeprefix('ws')}" if is_socket else one.url
            path = next(iter(_same_server(self.server, "/", [url])), None)
            if path is not None and one.method == "GET" and time.monotonic() < self.deadline:
                self.send_special("GET[websocket]" if is_socket else "GET", path, seconds)

    def assets(self, kind: str, body: bytes) -> Links:
        """Return the links to what a browser loads with a page, and none to other pages."""
        return replace(self.read(kind, body), pages=())

    def submit_forms(self, seconds: float) -> None:
        """Submit the forms of the pages that were requested, each once. Only their statuses are results."""
        for page, form in self.forms[:MAX_FORMS]:
            target = next(iter(_same_server(self.server, page, [form.action or page])), None)
            if target is None or time.monotonic() > self.deadline:
                continue
            if ENDING.search(_name(target)):
                self.ending.append(target)
            elif form.method == "POST":
                self.send_special(f"POST[{form.body}]", target, seconds)
            else:
                self.send_special("GET", f"{_name(target)}?{form.body}", seconds)

    def _request(
        self, method: str, path: str, wait_until: float, seconds: float, *, is_first_try: bool = False
    ) -> Response | None:
        """Send a request and add its result; None, and no result, if a first try took too long."""
        probe = self.probes.get((method, path))
        started = time.monotonic()
        send = partial(self._fetch, self.server, method, path)
        response = _fetch_when_up(send, self.deadline, wait_until, probe, seconds)
        if response.status == TOO_MANY and probe is None and self._wait > 0:
            pause = min(response.retry_after or 1.0, self._wait)
            self._wait -= pause
            time.sleep(pause)
            response = _fetch_when_up(send, self.deadline, 0.0, probe, seconds)
        if response.status == -1 and is_first_try and "no answer" in response.problem:
            return None
        if method == "GET" and response.status == OK and "html" in response.kind:
            self.pages.append(path)
        target = f"{method} {self.server.port}{path}"
        self.results.append(_result(target, response, probe, time.monotonic() - started))
        return response

    def _follow(self, method: str, path: str, found: Iterable[str]) -> None:
        """Add links of a response. What a server says under a public name is asked under that name."""
        verb = f"GET{method[method.index('[') :]}" if _public_host(method) else "GET"
        for link in found:
            if (verb, link) in self._seen or link == path:
                continue
            if ENDING.search(_name(link)) and not link.endswith(ASSET_ENDINGS):
                self._seen.add((verb, link))
                self.ending.append(link)
                continue
            self._variants[_name(link)] += 1
            if self._variants[_name(link)] > MAX_SAME_PATH:
                self._seen.add((verb, link))
                self.skipped += 1
            else:
                self._add(verb, link)

    def _follow_public(self, path: str, response: Response) -> None:
        """Follow a redirect to the server's public name or to https, on this server."""
        match = _ABSOLUTE.match(response.location)
        if match is None or list(_same_server(self.server, path, [response.location])):
            return
        public = f"{match[1].lower()}://{match[2]}"
        if public in self._public or len(self._public) < MAX_PUBLIC:
            self._public.add(public)
            self._add(f"GET[{public}]", match[3] or "/")

    def _add(self, method: str, path: str) -> None:
        if (method, path) not in self._seen and len(path) < MAX_LINK:
            self._seen.add((method, path))
            self._pending.append((method, path))

    def send_special(self, method: str, path: str, seconds: float) -> Response | None:
        """Send a request that no link names, once. Any status is good; no answer is no result."""
        if (method, path) in self._seen:
            return None
        self._seen.add((method, path))
        response = self._request(method, path, 0.0, seconds)
        last = self.results.pop()
        if response is not None and response.status != -1:
            # Such pages often have tokens that differ each time.
            self.results.append(replace(last, kind=STATUS_ONLY, ok=True, detail=""))
        return response


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
) -> Crawl:
    """Send the `requested` requests to `server`, and `follow` redirects; with `crawl` also follow links, starting at /.

    An app that is not ready yet is retried until `wait_until` (time.monotonic()).
    """
    one = Crawl(server, requested, deadline, fetch, read)
    until = time.monotonic() + UNREADY_SECONDS if wait_until is None else wait_until
    one.request_all(crawl=crawl, follow=follow, wait_until=until)
    return one


def _fetch_when_up(
    send: Callable[[float], Response], deadline: float, wait_until: float, probe: HttpProbe | None, most: float
) -> Response:
    """Return the response; if the server's backend is not ready yet, retry until `wait_until`."""
    end = min(deadline, wait_until)
    known_seconds = probe.seconds if probe else 0.0
    timeout = min(most, max(MIN_SECONDS, SLOWDOWN * known_seconds)) if known_seconds else most
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
        kind=STATUS_ONLY if probe and probe.status_only else "http",
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


def _public_host(method: str) -> str:
    """Return the name under which a request was sent, or "" if it is the server's own."""
    match = _ABSOLUTE.match(method.partition("[")[2].removesuffix("]"))
    return match[2].partition(":")[0].lower() if match else ""


def links(
    server: Server, path: str, response: Response, read: LinkReader = document.links, public: str = ""
) -> list[str]:
    """Return the distinct paths on the same server that a response links to, assets first.

    `public` is another name of the server.
    """
    links_found = read(response.kind, response.body)
    try:
        base = urljoin(_url(server, path), links_found.base) if 0 < len(links_found.base) <= MAX_LINK else path
    except ValueError:
        base = path
    well_known = WELL_KNOWN if path == "/" else ()
    same_server = _same_server(server, base, (*links_found.assets, *well_known, *links_found.pages), public)
    return list(dict.fromkeys([*redirect(server, path, response), *same_server]))


def _url(server: Server, path: str) -> str:
    return f"{'https' if server.secure else 'http'}://{server.authority}{path}"


def _same_server(server: Server, base: str, links_found: Iterable[str], public: str = "") -> Iterator[str]:
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
            is_public = bool(public) and parts.hostname == public
            is_ours = is_public or (parts.hostname in hosts and parts.port in ports)
            same_server = is_ours and parts.scheme in ("http", "https")
        except ValueError:
            continue
        # In a read-only container the gate is visible to an app that lists its root directory.
        if same_server and parts.path != GATE_PATH and len(parts.path) + len(parts.query) < MAX_LINK:
            yield (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
