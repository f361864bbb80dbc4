"""Forms of pages, and what is sent for them."""

from __future__ import annotations

import time
from urllib.parse import parse_qs

import pytest

from docker_slim_plugin.observe.probes.crawl import crawl_server
from docker_slim_plugin.observe.probes.forms import MAX_BODY, MAX_FORMS, Form
from docker_slim_plugin.observe.probes.http import Response, Server
from docker_slim_plugin.observe.probes.links import links
from tests.unit.observe.probes.test_crawl import Site, html, soon

SERVER = Server("127.0.0.1", 32768, 8080)


@pytest.mark.parametrize(
    ("page", "forms"),
    [
        pytest.param("<form><input name=q></form>", [Form("GET", "", "q=docker-slim")], id="a search"),
        pytest.param('<form method=post action="/in"><input name=a value="b &amp; c"><input type=hidden name=t value=1>', [Form("POST", "/in", "a=b+%26+c&t=1")], id="values"),
        pytest.param("<form method=POST><input type=email name=e><input type=number name=n><textarea name=x></textarea><select name=s></select>", [Form("POST", "", "e=docker-slim%40example.org&n=1&x=docker-slim&s=docker-slim")], id="fields by their type"),
        pytest.param("<form><input type=checkbox name=a value=1><input type=checkbox name=b value=2 checked><input type=submit name=c value=go>", [Form("GET", "", "b=2")], id="boxes and buttons"),
        pytest.param("<form action=a></form><form action=b><input name=x value=y>", [Form("GET", "a", ""), Form("GET", "b", "x=y")], id="two"),
        pytest.param("<form enctype=multipart/form-data><input name=a></form><input name=b>", [], id="an upload; a field without a form"),
        pytest.param(f"<form><input name=a value={'x' * MAX_BODY}>", [], id="too long"),
    ],
)
def test_forms_of_a_page(page: str, forms: list[Form]) -> None:
    assert list(links("text/html", page.encode()).forms) == forms


def test_they_are_submitted() -> None:
    page = html("<form method=post action=/in><input name=a value=]></form><form action=/find><input name=q></form><form method=post action=/delete></form><form action=//other.example/></form>")
    site = Site({"/": page, "/in": Response(302)})
    one = crawl_server(SERVER, [], soon(), crawl=True, fetch=site)
    one.submit_forms(1.0)
    assert site.asked[-2:] == ["POST[a=%5D] /in", "/find?q=docker-slim"]
    assert [(result.kind, result.target, result.status) for result in one.results[-2:]] == [("http-status", "POST[a=%5D] 8080/in", 302), ("http-status", "GET 8080/find?q=docker-slim", 404)]
    assert one.ending == ["/delete"]
    assert parse_qs("a=%5D") == {"a": ["]"]}


def test_they_are_bounded() -> None:
    begun = time.process_time()
    found = links("text/html", b"<form><input name=a>" * 50_000)
    assert len(found.forms) == MAX_FORMS
    links("text/html", b"<form>" + b"<input name=a>" * 70_000)
    assert time.process_time() - begun < 20
