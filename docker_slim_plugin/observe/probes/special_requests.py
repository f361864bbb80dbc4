"""Requests that no link names, and that any client may send: other methods, a path that is not there, parts of a file.

Servers load what such a request needs when the first one comes: error pages, parsers of bodies, decoders. They
change nothing: a body is sent only to a path that does not exist.
"""

from __future__ import annotations

import time

from docker_slim_plugin.observe.probes.crawl import ASSET_ENDINGS, ENDING, OK, Crawl, links
from docker_slim_plugin.observe.probes.http import Response

NOTHING = "/docker-slim-is-not-there"
REQUESTS = (
    ("HEAD", "/"),
    ("OPTIONS", "/"),
    ("GET[curl]", "/"),
    ("GET[br]", "/"),
    ("GET[german]", "/"),
    ("GET", NOTHING),
    ("GET[curl]", NOTHING),
    ("POST[json]", NOTHING),
    ("POST[no-json]", NOTHING),
    ("POST[gzip]", NOTHING),
    ("POST[form]", NOTHING),
    ("GET[websocket]", "/"),
    ("GET[websocket]", "/ws"),
)
DOCUMENTS = (
    "/openapi.json",
    "/swagger.json",
    "/v3/api-docs",
    "/docs",
    "/redoc",
    "/swagger-ui/index.html",
    "/admin/login/",
    "/health",
    "/healthz",
    "/metrics",
    "/up",
    "/actuator/health",
    "/api/health",
    "/socket.io/?EIO=4&transport=polling",
    "/graphql?query={__typename}",
    "/graphql?query={__schema{queryType{name},types{name,fields{name}}}}",
)
"""Documents of frameworks, which links rarely name."""
ASSET_VARIANTS = ("GET[range]", "GET[since]", "GET[br]")
MAX_NAMED = 50
"""Most operations of an API, or assets of a page, that are requested."""
SECONDS, REQUEST_SECONDS = 10.0, 3.0
"""Most seconds of all of these, and of each. They are no reason to wait for a slow server."""


def send_special_requests(crawl: Crawl, *, writes: bool) -> None:
    """Send them to a server that has been crawled; the results are those of the crawl. No answer is no result.

    Without `writes` no body is sent: an app may take any path, and its data may be the host's.
    """
    end = min(crawl.deadline, time.monotonic() + SECONDS)
    found = [one.target for one in crawl.results if one.status == OK and one.target.startswith("GET ")]
    files = (path for target in found if (path := target[target.index("/") :]).endswith(ASSET_ENDINGS))
    asset = next(files, "/")
    for method, path in (*REQUESTS, *((method, asset) for method in ASSET_VARIANTS)):
        if time.monotonic() < end and (writes or not method.startswith("POST")):
            crawl.send_special(method, path, REQUEST_SECONDS)
    for path in DOCUMENTS:
        response = crawl.send_special("GET", path, REQUEST_SECONDS) if time.monotonic() < end else None
        if response is not None and response.status == OK:
            for link in _named(crawl, path, response)[:MAX_NAMED]:
                if time.monotonic() < end:
                    crawl.send_special("GET", link, REQUEST_SECONDS)


def _named(crawl: Crawl, path: str, response: Response) -> list[str]:
    """Return what a document of a framework names: the operations of an API, what a browser loads with a page."""
    if "json" in response.kind:
        return [link for link in links(crawl.server, path, response, crawl.read) if not ENDING.search(link)]
    return links(crawl.server, path, response, crawl.assets) if "html" in response.kind else []
