"""The page is one file of well-formed HTML, from which nothing escapes, whatever names are in it."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from docker_slim_plugin.cli.page import render as page_render
from docker_slim_plugin.cli.page.render import draw_svg, render, require_library
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.report.changes import Change, State
from docker_slim_plugin.report.stored import (
    StoredEntry,
    StoredImage,
    StoredLayer,
    StoredProcess,
    StoredReason,
    StoredReport,
    StoredSource,
)
from docker_slim_plugin.report.stored_run import (
    StoredKept,
    StoredObservation,
    StoredPhase,
    StoredProbe,
    StoredRepair,
    StoredRule,
    StoredVerdict,
)
from docker_slim_plugin.workflows.report import FoundReport

VOID = {"meta", "input", "rect", "line", "path"}
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</title></style></script><script>alert(1)</script>",
    "<!--<script>",
    "{{ 7 * 7 }}{% include 'page.js' %}",
    "javascript:alert(1)",
    "\u202egnp.exe\u2066",
    "line\nbreak\r\ttab",
    "\x1b[31mred\x00\x7f\x9b",
    "\udcff\ud800\u2028\u2029",
    "&lt;&amp;&#60;",
    "x" * 5000,
    "\U0001f600\ufeff\u200b",
]


class Page(HTMLParser):
    """What is in a page: a tree that closes, elements with attributes, the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.style = ""
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), attrs
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.open[-1:] == ["script"]:
            self.scripts[-1] += data
        if self.open[-1:] == ["style"]:
            self.style += data

    def data(self) -> dict[str, Any]:
        return dict(json.loads(self.scripts[0]))


def found(*texts: str, unread: str = "", changes: tuple[Change, ...] | None = None) -> FoundReport:
    """Return a report in which each text stands in each place."""
    entries = tuple(
        StoredEntry(f"/srv/{text}", "file", 10, text, text, (StoredReason("library", text, text), StoredReason("access", text, text, 1, 0.5, text)))
        for text in texts
    )
    report = StoredReport(
        StoredSource(texts[0], texts[0], 1000, 2, 9),
        tuple(StoredImage(text, text, text, (StoredLayer(text, text, 1, 1),), 30) for text in texts),
        entries,
        Kept=StoredKept(1, 2, texts[0], tuple(StoredRule(text, text, 1, 10**6) for text in texts)),
        Processes=tuple(StoredProcess(place, place - 1, 7, (text, text), 0.1 * place) for place, text in enumerate(texts, 1)),
        Version=texts[0],
        Passed=False,
        Command=texts,
        Phases=tuple(StoredPhase(text, 1.0) for text in texts),
        Observed=StoredObservation("seccomp", "fanotify", Probes=tuple(StoredProbe(text, text, False, -1, text, 1.0) for text in texts)),
        Verified=tuple(StoredVerdict(text, False, 1.0, 3, (text,)) for text in texts),
        Repairs=tuple(StoredRepair((text,), (text,)) for text in texts),
        Warnings=texts,
        FailedGates=texts,
        Notes=texts,
    )
    if changes is None:
        states = [State.KEPT, State.DROPPED, State.GENERATED]
        changes = tuple(Change(f"/srv/{text}", states[place % 3], 10 * (place % 3 != 1), text, text, 10, text) for place, text in enumerate(texts))
    return FoundReport(texts[0], texts[0], report, changes, unread)


def attributes(page: Page) -> set[str]:
    return {name for _, values in page.elements for name in values}


PLAIN = ["plain"] * len(HOSTILE)


def test_it_is_well_formed() -> None:
    page = Page(render(found("plain")))
    assert page.elements[0] == ("html", {"lang": "en"})
    assert len([one for one in page.elements if one[0] == "h1"]) == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_names_are_text_wherever_they_stand(text: str) -> None:
    html = render(found(text))
    page, plain = Page(html), Page(render(found("plain")))
    # The names make no element and no attribute; only the number of boxes and rows may differ.
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in plain.elements}
    assert attributes(page) <= attributes(plain)
    assert len(page.scripts) == 2
    assert page.scripts[1] == plain.scripts[1]
    assert page.style == plain.style
    # No character that controls a terminal or turns text around: not even in the data.
    assert not [one for one in html if not one.isprintable() and one != "\n"]
    assert page.data()["directory"][0] == "/"
    html.encode()


def test_all_of_them_at_once() -> None:
    page = Page(render(found(*HOSTILE)))
    assert len(page.scripts) == 2
    assert "49" not in "".join(text for text in page.texts if "7 * 7" in text)


def test_it_refers_to_nothing_else() -> None:
    page = Page(render(found(*HOSTILE)))
    for tag, values in page.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form", "image", "use", "foreignobject")
        assert not {"src", "srcset", "style", "action", "background", "poster"} & set(values)
        assert not [name for name in values if name.startswith("on")]
        assert (values.get("href") or "#").startswith("#")
    assert not re.search(r"url\(|@import|http:|https:", page.style)
    assert not re.search(r"\bfetch\b|XMLHttp|innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|import\(|WebSocket|https:", page.scripts[1])


def test_the_policy_allows_what_is_in_the_page_alone() -> None:
    page = Page(render(found("plain")))
    (policy,) = [values["content"] for _, values in page.elements if values.get("http-equiv") == "Content-Security-Policy"]

    def quoted(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert policy == f"default-src 'none'; style-src {quoted(page.style)}; script-src {quoted(page.scripts[1])}; base-uri 'none'; form-action 'none'"


def test_the_ids_that_are_named_exist_once() -> None:
    page = Page(render(found("plain")))
    ids = [values["id"] for _, values in page.elements if "id" in values]
    assert len(ids) == len(set(ids))
    named = [values[name] for _, values in page.elements for name in ("aria-labelledby", "href") if name in values]
    assert {str(name).removeprefix("#") for name in named} <= set(ids)
    assert set(re.findall(r'find\("(\w+)"\)', page.scripts[1])) <= set(ids)


def test_sums_are_those_of_the_changes() -> None:
    changes = (
        Change("/a/b", State.KEPT, 70, "p", "app", 70, "app"),
        Change("/a/c", State.DROPPED, 0, "p", "", 500, "base"),
        Change("/d", State.GENERATED, 9, "", "config", 50, "config"),
    )
    html = render(found("plain", changes=changes))
    data = Page(html).data()
    assert data["directory"][1:5] == data["package"][1:5] == [70, 9, 500, 3]
    assert [one[0] for one in data["package"][10]] == ["p", "(no package)"]
    for table in ("package-table", "directory-table"):
        rows = re.findall(r"<tr>(.*?)</tr>", html.partition(f'id="{table}"')[2].partition("</table>")[0])[1:]
        cells = [[int(number) for number in re.findall(r'<data value="(\d+)">', row)] for row in rows]
        assert [sum(column) for column in zip(*cells, strict=True)] == [70, 9, 500, 2, 1]


def test_without_the_source_it_says_so() -> None:
    html = render(found("plain", unread="app:1 is not here as it was then"))
    assert "The source image was not read: app:1 is not here as it was then." in html
    assert "left out</li>" not in html
    assert "whether a package is whole is not known" in html


def test_a_report_of_an_earlier_version_has_no_command() -> None:
    one = found("plain")
    bare = StoredReport(one.report.Source, one.report.Images, one.report.Files)
    html = render(FoundReport("a", "b", bare, one.changes))
    assert "it was written by an earlier version" in html
    assert "The report has no processes" in html
    assert "Nothing was asked" in html
    Page(html)


def test_a_large_report_gives_a_small_page() -> None:
    names = [f"/usr/lib/{'x' * 200}{number % 500}/{'y' * 200}{number}" for number in range(6_000)]
    changes = tuple(Change(name, State.KEPT if number % 9 else State.DROPPED, 50 if number % 9 else 0, f"package-{number % 2000}", "base", 50, "base") for number, name in enumerate(names))
    processes = tuple(StoredProcess(number, number // 2, number, ("z" * 1000,) * 2 if number % 2 else ("z" * 1000,), 0.1) for number in range(1, 5000))
    one = found("plain", changes=changes)
    report = StoredReport(one.report.Source, one.report.Images, one.report.Files, Processes=processes, Warnings=("w" * 100_000,) * 5000)
    assert len(render(FoundReport("a", "b", report, changes)).encode()) < 6_000_000


@pytest.mark.parametrize(
    ("text", "shown"),
    [("/a/b", "/a/b"), ("/" + "d" * 300 + "/end", "…" + "d" * 95 + "/end"), ("n" * 300, "n" * 99 + "…"), ("\n" * 300, "\\n" * 49 + "\\…"), ("/" + "\n" * 300, "…" + "n" + "\\n" * 49)],
)
def test_names_are_bounded(text: str, shown: str) -> None:
    assert page_render._name(text) == shown
    assert len(shown) == min(len(text), 100)


def test_a_picture() -> None:
    svg = draw_svg(found(*HOSTILE))
    assert svg.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    page = Page(svg)
    assert {tag for tag, _ in page.elements} <= {"svg", "style", "path", "text", "title"}


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    require_library()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SlimError, match="jinja2 is missing") as raised:
        require_library()
    assert "python3-jinja2" in raised.value.hint


@pytest.mark.parametrize("name", ["page.css", "page.js"])
def test_what_stands_in_an_element_cannot_end_it(name: str) -> None:
    text = Path(page_render.__file__).with_name(name).read_text()
    assert "</" not in text
    assert "<!--" not in text
    assert "\r" not in text
