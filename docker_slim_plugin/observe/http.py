"""HTTP probes: asking the app, and following its own links a little way.

What answers is the image's, and hostile: bodies are bounded in bytes and time, and nothing leads to another host.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import warnings
from collections import deque
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import requests
import urllib3

from docker_slim_plugin.errors import UsageError
from docker_slim_plugin.model import ProbeResult

MAX_PAGES = 50
MAX_BODY = 1 << 20
MAX_SHOWN = 2000
"""Bytes of a body that are kept as text."""
CRAWL_SECONDS = 10.0
ANSWER_SECONDS = 5.0
SPEAK_SECONDS = 3.0
MAX_REDIRECTS = 5
_PROBE = re.compile(r"(?:(?P<method>[A-Za-z]+):)?(?P<port>\d{1,5})?(?P<path>/\S*)")


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """One request that the user asked for."""

    method: str
    port: int | None
    """Container port; None means every port that speaks HTTP."""
    path: str


def parse_http_probe(text: str) -> HttpProbe:
    """Read "[METHOD:][PORT]/PATH", e.g. "/health", "8080/", "POST:8080/api"."""
    match = _PROBE.fullmatch(text)
    if match is None or int(match["port"] or 1) not in range(1, 65536):
        raise UsageError(f"cannot read the probe {text!r}", hint="--http [METHOD:][PORT]/PATH, e.g. POST:8080/api")
    return HttpProbe((match["method"] or "GET").upper(), int(match["port"]) if match["port"] else None, match["path"])


class _Links(HTMLParser):
    """Collects href and src."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status is -1 when nothing did."""

    status: int
    kind: str = ""
    body: bytes = b""
    location: str = ""
    problem: str = ""
    foreign: bool = False
    """Something answered, in another protocol."""


def ask(method: str, url: str, seconds: float = ANSWER_SECONDS) -> Answer:
    """Make one request, redirects not followed; reads at most MAX_BODY, and for `seconds` at most."""
    deadline = time.monotonic() + seconds
    try:
        with requests.Session() as session, warnings.catch_warnings():
            warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
            # Proxies and credentials of the user's environment are not for a container.
            session.trust_env = False
            with session.request(
                method, url, timeout=seconds, allow_redirects=False, stream=True, verify=False
            ) as answer:
                body = b""
                for block in answer.iter_content(1 << 14):
                    body += block
                    if len(body) >= MAX_BODY or time.monotonic() > deadline:
                        break
                kind, location = answer.headers.get("content-type", ""), answer.headers.get("location", "")
                return Answer(answer.status_code, kind, body, location)
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        return Answer(-1, problem=type(error).__name__, foreign=_speaks_otherwise(error))


def _speaks_otherwise(error: Exception) -> bool:
    """Tell whether what came back was a line of another protocol; a TLS alert (RFC 8446, 6) begins with 21 3."""
    text = str(error)
    return "BadStatusLine" in text and "\\x15\\x03" not in text


def speaks_http(host: str, port: int) -> str | None:
    """Return "http" or "https", or None for a port that speaks something else or nothing."""
    plain = ask("GET", f"http://{host}:{port}/", SPEAK_SECONDS)
    if plain.status not in (-1, 400):
        return "http"
    if plain.foreign:
        return None
    if ask("GET", f"https://{host}:{port}/", SPEAK_SECONDS).status != -1:
        return "https"
    return "http" if plain.status == 400 else None


def probe(request: HttpProbe, scheme: str, host: str, host_port: int, port: int) -> ProbeResult:
    """Make one request that was asked for; any answer below 500 is a good one."""
    answer = ask(request.method, f"{scheme}://{host}:{host_port}{request.path}")
    return _result(f"{request.method} {port}{request.path}", answer)


def crawl(scheme: str, host: str, host_port: int, port: int, limit: int = MAX_PAGES) -> tuple[ProbeResult, ...]:
    """GET / and what it links to on the same host and port, breadth first, bounded in pages and time."""
    base = f"{scheme}://{host}:{host_port}"
    deadline = time.monotonic() + CRAWL_SECONDS
    pending, seen = deque(["/"]), {"/"}
    results: list[ProbeResult] = []
    while pending and len(results) < limit and time.monotonic() < deadline:
        path = pending.popleft()
        answer = ask("GET", base + path)
        results.append(_result(f"GET {port}{path}", answer))
        for link in _links(base, path, answer):
            if link not in seen and len(seen) < limit:
                seen.add(link)
                pending.append(link)
    return tuple(results)


def _result(target: str, answer: Answer) -> ProbeResult:
    detail = answer.problem or (f"HTTP {answer.status}" if answer.status >= 500 else "")
    return ProbeResult(
        kind="http",
        target=target,
        ok=0 < answer.status < 500,
        status=answer.status,
        detail=detail,
        output=_said(answer.body),
    )


def _said(body: bytes) -> str:
    """Return how a body begins, and what tells it from others."""
    text = os.fsdecode(body[:MAX_SHOWN])
    more = len(body) - MAX_SHOWN
    return text if more <= 0 else f"{text}... {more} bytes more, sha256 {hashlib.sha256(body).hexdigest()}"


def _links(base: str, path: str, answer: Answer) -> list[str]:
    links = [answer.location] if answer.location else []
    if "html" in answer.kind:
        parser = _Links()
        parser.feed(answer.body.decode("utf-8", "replace"))
        links += parser.found
    found = []
    for link in links:
        try:
            parts = urlsplit(urldefrag(urljoin(base + path, link)).url)
        except ValueError:
            continue
        own = parts.netloc in (urlsplit(base).netloc, urlsplit(base).hostname, "localhost")
        if own and parts.scheme in ("http", "https") and len(parts.path) < 2000:
            found.append((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    return found
