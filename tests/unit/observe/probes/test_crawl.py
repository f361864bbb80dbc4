"""The crawl of a site given as a dict: which pages are requested, in which order, and when it ends."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from docker_slim_plugin.model.observation import ProbeResult
from docker_slim_plugin.observe.probes import crawl, special_requests
from docker_slim_plugin.observe.probes.crawl import MAX_RESPONSE_LINKS, links
from docker_slim_plugin.observe.probes.crawl import crawl_server as start_crawl
from docker_slim_plugin.observe.probes.http import Response, Server
from docker_slim_plugin.observe.probes.http_spelling import HttpProbe
from docker_slim_plugin.observe.probes.http_spelling import parse_http_probe as probe
from docker_slim_plugin.observe.probes.links import Links
from docker_slim_plugin.observe.probes.probe import replayable_requests

SERVER = Server("127.0.0.1", 32768, 8080)
SECURE = Server("127.0.0.1", 32768, 443, secure=True)


def html(*parts: str) -> Response:
    return Response(200, "text/html; charset=utf-8", "".join(parts).encode())


def css(text: str) -> Response:
    return Response(200, "text/css", text.encode())


def moved(where: str) -> Response:
    return Response(301, location=where)


class Site:
    """A server with pages from a dict and 404 for the rest; records the requests."""

    def __init__(self, pages: Mapping[str, Response | list[Response]]) -> None:
        self.pages = {path: list(said) if isinstance(said, list) else [said] for path, said in pages.items()}
        self.asked: list[str] = []

    def __call__(self, _: Server, method: str, path: str, seconds: float) -> Response:
        assert seconds > 0
        self.asked.append(path if method == "GET" else f"{method} {path}")
        said = self.pages.get(path, [Response(404)])
        return said.pop(0) if len(said) > 1 else said[0]


def crawl_server(*arguments: Any, **named: Any) -> tuple[tuple[ProbeResult, ...], int]:
    """Return the results of a crawl, and the number of links that were skipped."""
    one = start_crawl(*arguments, **named)
    return tuple(one.results), one.skipped


def soon() -> float:
    return time.monotonic() + 60


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        pytest.param(html('<a href="b">'), ["/dir/b"], id="relative"),
        pytest.param(html('<a href="/b">'), ["/b"], id="absolute"),
        pytest.param(html('<a href="../b">'), ["/b"], id="up"),
        pytest.param(html('<a href="../../../b">'), ["/b"], id="no further up than there is"),
        pytest.param(html('<a href="?q=1">'), ["/dir/page?q=1"], id="a query"),
        pytest.param(html('<a href="b?x=1&amp;y=2#top">'), ["/dir/b?x=1&y=2"], id="a fragment is not sent"),
        pytest.param(html('<a href="#top">'), ["/dir/page"], id="a fragment alone is the page"),
        pytest.param(html('<a href="//other.example/b">'), [], id="another host"),
        pytest.param(html('<a href="https://other.example/b">'), [], id="another host, in full"),
        pytest.param(html('<a href="http://localhost:8080/b">'), ["/b"], id="itself, as it sees itself"),
        pytest.param(html("<a href=/.docker-slim-gate><a href=/c>"), ["/c"], id="never our own gate"),
        pytest.param(html('<a href="http://127.0.0.1:32768/b">'), ["/b"], id="itself, as the host sees it"),
        pytest.param(html('<a href="http://localhost/b">'), ["/b"], id="itself, without a port"),
        pytest.param(html('<style>@import "/a.css"; a {background: url(/b.png)}</style>'), ["/a.css", "/b.png"], id="a style sheet in the page"),
        pytest.param(html("<p style=\"background: url('/b.png')\">"), ["/b.png"], id="a style"),
        pytest.param(html('<script type=module>import a from "/a.js"; import("./b.js")</script>'), ["/a.js", "/dir/b.js"], id="modules of a script in the page"),
        pytest.param(html('<script type="importmap">{"imports": {"a": "/a.js", "b": 1}}</script>'), ["/a.js"], id="an import map"),
        pytest.param(html('<body background="/b.png"><link imagesrcset="/a.png 1x, /c.png 2x"><svg><use xlink:href="/d.svg#x"/><image href="/e.png">'), ["/b.png", "/a.png", "/c.png", "/d.svg", "/e.png"], id="other attributes"),
        pytest.param(Response(200, "text/javascript", b"import'/a.js';export * from \"./b.js\";new Worker('/w.js');new URL('./c.wasm', import.meta.url);import('bare');fetch('/no')"), ["/a.js", "/dir/b.js", "/w.js", "/dir/c.wasm"], id="modules"),
        pytest.param(Response(200, "image/svg+xml", b'<svg><image href="/a.png"/></svg>'), ["/a.png"], id="SVG"),
        pytest.param(Response(200, "application/manifest+json", b'{"icons": [{"src": "/i.png"}, 1], "start_url": "/start"}'), ["/i.png", "/start"], id="a web app manifest"),
        pytest.param(Response(200, "application/json", b'{"openapi": "3", "paths": {"/a": {"get": {}}, "/b/{c}": {"get": {}}, "/d": {"post": {}}, "/e": {"get": {"parameters": [{"required": true}]}}, "/f": 1}}'), ["/a"], id="OpenAPI"),
        pytest.param(Response(200, "application/json", b'{"swagger": "2", "basePath": "/v1/", "paths": {"/a": {"get": {"parameters": [1, {}]}}}}'), ["/v1/a"], id="Swagger"),
        pytest.param(Response(200, "application/json", b"[" * 100_000), [], id="JSON that is none"),
        pytest.param(html('<a href="http://localhost:9000/b">'), [], id="another port"),
        pytest.param(html('<a href="http://localhost:port/">'), [], id="no port at all"),
        pytest.param(html('<a href="http://[::1/">'), [], id="half an address"),
        pytest.param(
            html('<a href="data:text/html,x"><a href="mailto:a@b"><a href="javascript:x()"><a href="ftp://localhost/">'),
            [],
            id="other schemes",
        ),
        pytest.param(html('<a href=" b\n">'), ["/dir/b"], id="blanks around it"),
        pytest.param(html('<a href="b"><a href="b"><a href="./b">'), ["/dir/b"], id="each once"),
        pytest.param(html("<a href><a href=''>"), [], id="empty ones"),
        pytest.param(
            html('<a href="p"><script src="j.js"></script><link href="c.css"><img srcset="a.png 1x, /b.png 2x">'),
            ["/dir/j.js", "/dir/c.css", "/dir/a.png", "/b.png", "/dir/p"],
            id="what a page needs goes before where it leads",
        ),
        pytest.param(html('<video poster="p.png"><object data="o.svg">'), ["/dir/p.png", "/dir/o.svg"], id="other media"),
        pytest.param(html('<base href="/app/"><a href="b">'), ["/app/b"], id="a base"),
        pytest.param(html('<base href="https://cdn.example/"><a href="b"><a href="/c">'), [], id="a base elsewhere"),
        pytest.param(html('<meta http-equiv="Refresh" content="0; URL=\'next\'">'), ["/dir/next"], id="a refresh"),
        pytest.param(html('<a href="b'), [], id="cut in a tag"),
        pytest.param(html('<a href="/\u00fc">'), ["/\u00fc"], id="not ASCII"),
        pytest.param(html(f'<a href="/{"x" * 3000}">'), [], id="too long to be true"),
        pytest.param(
            css("@font-face{src:url('f.woff2'),url( /g.ttf )} @import \"more.css\"; a{b:url(data:x)}"),
            ["/dir/f.woff2", "/g.ttf", "/dir/more.css"],
            id="a style sheet",
        ),
        pytest.param(Response(200, "application/json", b'<a href="b">'), [], id="not HTML"),
        pytest.param(moved("/login"), ["/login"], id="a redirect"),
        pytest.param(moved("https://localhost/login"), ["/login"], id="a redirect to https"),
        pytest.param(moved("https://accounts.example/x"), [], id="a redirect elsewhere"),
    ],
)
def test_links(answer: Response, found: list[str]) -> None:
    assert links(SERVER, "/dir/page", answer) == found


def test_a_crawl_follows_its_own_links_and_no_others() -> None:
    site = Site({
        "/": html('<a href="/b"><a href="/c"><a href="http://other.example/d">'),
        "/b": html('<a href="/"><a href="/e">'),
        "/c": Response(403),
        "/e": Response(500),
    })
    results, left = crawl_server(SERVER, [], soon(), crawl=True, fetch=site)
    assert site.asked == ["/", "/favicon.ico", "/robots.txt", "/b", "/c", "/e"]
    assert left == 0
    assert {one.target: (one.ok, one.status) for one in results} == {
        "GET 8080/": (True, 200),
        "GET 8080/favicon.ico": (True, 404),
        "GET 8080/robots.txt": (True, 404),
        "GET 8080/b": (True, 200),
        "GET 8080/c": (True, 403),
        "GET 8080/e": (False, 500),
    }
    assert [one.detail for one in results if not one.ok] == ["HTTP 500"]


def test_requested_pages_come_first_and_redirects_are_followed() -> None:
    site = Site({"/login": moved("/login/"), "/login/": html('<a href="/other">')})
    results, _ = crawl_server(SERVER, [probe("POST:/api"), probe("/login")], soon(), crawl=False, fetch=site)
    assert site.asked == ["POST /api", "/login", "/login/"]
    assert results[0].target == "POST 8080/api"


def test_circular_redirects_end() -> None:
    site = Site({"/": moved("/a"), "/a": moved("/b"), "/b": moved("/a")})
    crawl_server(SERVER, [], soon(), crawl=True, fetch=site)
    assert site.asked == ["/", "/a", "/favicon.ico", "/robots.txt", "/b"]


def numbered(count: Iterable[int], form: str) -> Response:
    return html(*(f'<a href="{form.format(number)}">' for number in count))


def test_a_crawl_is_limited_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crawl, "MAX_PAGES", 10)
    site = Site({"/": numbered(range(50), "/page{}")})
    results, left = crawl_server(SERVER, [], soon(), crawl=True, fetch=site)
    assert (len(results), left) == (10, 43)


def test_requested_pages_have_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crawl, "MAX_PAGES", 1)
    monkeypatch.setattr(crawl, "CRAWL_SECONDS", 0.0)
    results, left = crawl_server(SERVER, [probe("/a"), probe("/b")], soon(), crawl=False, fetch=Site({}))
    assert (len(results), left) == (2, 0)


def test_links_that_differ_only_in_the_query_are_limited() -> None:
    site = Site({"/": numbered(range(20), "/calendar?month={}")})
    results, left = crawl_server(SERVER, [], soon(), crawl=True, fetch=site)
    assert (len([one for one in results if "calendar" in one.target]), left) == (crawl.MAX_SAME_PATH, 20 - crawl.MAX_SAME_PATH)


@pytest.mark.parametrize(
    ("responses", "status", "times"),
    [
        pytest.param([Response(502), Response(503), Response(200)], 200, 3, id="an app behind it comes up"),
        pytest.param([Response(500), Response(200)], 500, 1, id="a real error is none to wait for"),
        pytest.param([Response(503)] * 50, 503, 4, id="it never comes up"),
    ],
)
def test_an_app_that_is_not_ready_is_retried(
    responses: list[Response], status: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawl, "UNREADY_PAUSE", 0.01)
    # Short only where it is waited out: a busy machine may take its time between two answers.
    monkeypatch.setattr(crawl, "UNREADY_SECONDS", 0.025 if status == 503 else 5.0)
    site = Site({"/": responses})
    results, _ = crawl_server(SERVER, [], soon(), crawl=True, fetch=site)
    assert (results[0].status, site.asked.count("/") <= times) == (status, True)


def test_no_answer_says_why() -> None:
    results, _ = crawl_server(SECURE, [], soon(), crawl=True, fetch=Site({"/": Response(-1, problem="connection reset by peer")}))
    assert (results[0].target, results[0].ok, results[0].detail) == ("GET 443/", False, "connection reset by peer")


def test_a_long_body_is_identified_by_its_digest() -> None:
    first, second = (
        crawl_server(SERVER, [probe("/")], soon(), crawl=False, fetch=Site({"/": Response(200, body=b"x" * 5000 + end)}))[0][0].output
        for end in (b"a", b"b")
    )
    assert first[:2000] == second[:2000]
    assert first != second
    assert len(first) < 2200


@pytest.mark.parametrize(
    ("asked", "status", "ok"),
    [
        ("/x", 200, True),
        ("/x", 302, True),
        ("/x", 404, False),
        ("/x", 500, False),
        ("/x", -1, False),
        ("404:/x", 404, True),
        ("404:/x", 200, False),
        ("500:/x", 500, True),
        ("POST:401:8080/x", 401, True),
    ],
)
def test_the_expected_status_of_a_request(asked: str, status: int, ok: bool) -> None:
    (result,), _ = crawl_server(SERVER, [probe(asked)], soon(), crawl=False, fetch=Site({"/x": Response(status, problem="gone" if status < 0 else "")}))
    assert (result.ok, result.status) == (ok, status)
    assert result.detail == ("" if ok else "gone" if status < 0 else f"HTTP {status}")


def test_an_expected_503_is_not_retried() -> None:
    site = Site({"/": Response(503)})
    (result,), _ = crawl_server(SERVER, [HttpProbe("GET", 8080, "/", 503)], soon(), crawl=False, follow=False, fetch=site)
    assert (result.ok, site.asked) == (True, ["/"])
    crawl_server(SERVER, [HttpProbe("GET", 8080, "/", 200)], soon(), crawl=False, wait_until=0.0, fetch=site)
    assert site.asked == ["/", "/"]


@pytest.mark.parametrize(("took", "waits"), [(0.0, 20.0), (0.1, 5.0), (2.0, 8.0), (19.0, 20.0)])
def test_the_timeout_depends_on_the_time_of_the_source(took: float, waits: float) -> None:
    seconds = []

    def fetch(_: Server, __: str, ___: str, most: float) -> Response:
        seconds.append(most)
        return Response(200)

    crawl_server(SERVER, [HttpProbe("GET", 8080, "/", 200, took)], soon(), crawl=False, fetch=fetch)
    assert seconds == [waits]


def test_redirects_are_not_followed_if_told_so() -> None:
    site = Site({"/": moved("/never-answers")})
    crawl_server(SERVER, [HttpProbe("GET", 8080, "/", 301)], soon(), crawl=False, follow=False, fetch=site)
    assert site.asked == ["/"]


def test_links_are_bounded_again_after_extraction() -> None:
    found = Links(assets=tuple(f"/{number}" for number in range(100_000)), base="/x/" + "y" * 1_000_000)
    given = links(Server("127.0.0.1", 80, 80), "/a/b", Response(200, "text/html"), lambda *_: found)
    assert len(given) == MAX_RESPONSE_LINKS
    assert given[-1] == f"/{MAX_RESPONSE_LINKS - 1}"


def test_a_servers_public_name_is_asked_on_the_server_itself() -> None:
    site = Site({"/": moved("https://www.example.org/home"), "/home": html('<a href="/about"><a href="https://www.example.org/more"><a href="https://other.example/x">')})
    crawl_server(SERVER, [], soon(), crawl=True, fetch=site)
    name = "GET[https://www.example.org]"
    assert [one for one in site.asked if one not in ("/favicon.ico", "/robots.txt")] == ["/", f"{name} /home", f"{name} /about", f"{name} /more"]


def test_public_names_are_bounded() -> None:
    site = Site({"/": html(*(f"<a href=/{number}>" for number in range(9))), **{f"/{number}": moved(f"https://{number}.example/") for number in range(9)}})
    crawl_server(SERVER, [], soon(), crawl=True, fetch=site)
    assert len({one.split()[0] for one in site.asked if one.startswith("GET[")}) == 2


def test_links_that_may_end_something_are_left() -> None:
    site = Site({"/": html('<a href="/logout"><a href="/item/1/delete?x=1"><a href="/signoff.css"><a href="/a">')})
    one = start_crawl(SERVER, [], soon(), crawl=True, fetch=site)
    assert one.ending == ["/logout", "/item/1/delete?x=1"]
    assert set(site.asked) == {"/", "/favicon.ico", "/robots.txt", "/signoff.css", "/a"}
    one = start_crawl(SERVER, [probe("/logout")], soon(), crawl=True, fetch=site)
    assert "/logout" in site.asked


def test_slow_links_are_tried_last(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []

    def fetch(_: Server, method: str, path: str, seconds: float) -> Response:
        asked.append((path, seconds > crawl.FIRST_SECONDS))
        if path == "/slow" and seconds <= crawl.FIRST_SECONDS:
            return Response(-1, problem="no answer within 3 s")
        return html("<a href=/slow><a href=/b>") if path == "/" else Response(200)

    results, _ = crawl_server(SERVER, [], soon(), crawl=True, fetch=fetch)
    assert asked[0] == ("/", True)
    assert asked[-1] == ("/slow", True)
    assert [one.status for one in results if one.target.endswith("/slow")] == [200]


def test_a_server_that_wants_fewer_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    site = Site({"/": html("<a href=/a><a href=/b>"), "/a": [Response(429, retry_after=2.0), Response(200)], "/b": Response(429, retry_after=100.0)})
    results, _ = crawl_server(SERVER, [], soon(), crawl=True, fetch=site)
    assert pauses == [2.0, 3.0]
    assert {one.target: one.status for one in results}["GET 8080/a"] == 200


def test_special_requests() -> None:
    document = b'{"openapi": "3", "paths": {"/items": {"get": {}}, "/delete": {"get": {}}}}'
    site = Site({"/": html("<link rel=stylesheet href=/a.css>"), "/a.css": css(""), "/openapi.json": Response(200, "application/json", document), special_requests.NOTHING: Response(-1)})
    one = start_crawl(SERVER, [], soon(), crawl=True, fetch=site)
    before = len(one.results)
    special_requests.send_special_requests(one, writes=False)
    assert not any(asked.startswith("POST") for asked in site.asked)
    special_requests.send_special_requests(one, writes=True)
    assert "POST[json] /docker-slim-is-not-there" in site.asked
    targets = [result.target for result in one.results[before:]]
    assert {"HEAD 8080/", "OPTIONS 8080/", "GET[range] 8080/a.css", "GET 8080/openapi.json", "GET 8080/items"} <= set(targets)
    assert not any("delete" in target or special_requests.NOTHING in target for target in targets)
    assert all(result.ok for result in one.results[before:])


def test_assets_of_a_framework_s_page() -> None:
    site = Site({"/": html(""), "/admin/login/": html("<link rel=stylesheet href=/a.css><script src=b.js></script><a href=/page>")})
    one = start_crawl(SERVER, [], soon(), crawl=True, fetch=site)
    special_requests.send_special_requests(one, writes=False)
    assert {"/a.css", "/admin/login/b.js"} <= set(site.asked)
    assert "/page" not in site.asked


def test_special_requests_come_back_as_requests_of_a_replay() -> None:
    result = ProbeResult(kind="http", target="GET[https://www.example.org] 8080/a b", ok=True, status=200)
    special = ProbeResult(kind="http-status", target="HEAD 8080/", ok=True, status=501)
    requests, _ = replayable_requests([result, special], ended=False)
    assert requests == (HttpProbe("GET[https://www.example.org]", 8080, "/a b", 200), HttpProbe("HEAD", 8080, "/", 501, status_only=True))
    results, _ = crawl_server(SERVER, requests, soon(), crawl=False, follow=False, fetch=Site({"/a b": Response(200), "/": Response(501)}))
    assert [(one.kind, one.ok) for one in results] == [("http", True), ("http-status", True)]
