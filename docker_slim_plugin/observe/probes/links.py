"""The links of a page or a style sheet, read in one pass whatever it holds.

Markup comes from the app, and may be made to stall who reads it. So nothing here looks back: a tag, a comment or a
quoted value that does not end ends the document (HTML, "Tokenization": eof-in-tag), every pattern is possessive, and
values, links and their number are bounded.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

MAX_LINK = 2000
"""Characters; longer ones are no links that anybody would ask for."""
MAX_LINKS = 10_000
"""Of one document, each counted once."""
MAX_SOURCES = 1 << 16
"""Characters of a srcset."""
_NAME = re.compile(r"[A-Za-z][^\s/>]*+")
_ATTRIBUTE = re.compile(r"[\s/]*+(?:(>)|([^\s/>][^\s/>=]*+))(?:\s*+(=)\s*+)?+")
_BARE = re.compile(r"[^\s>]*+")
_COMMENT_END = re.compile(r"--!?>")
_RAW = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE)
    for name in ("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes")
}
"""Elements whose content is text, and how that text ends."""
_WANTED = frozenset({"href", "src", "poster", "data", "srcset", "http-equiv", "content"})
_ASSETS = ("src", "poster", "data")
_REFRESH = re.compile(r"url\s*+=\s*+['\"]?+([^'\"]++)", re.IGNORECASE)
_CSS = re.compile(r"url\(\s*+['\"]?+([^'\")]++)|@import\s++['\"]([^'\"]++)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Links:
    """What a document links to, as it is written there."""

    assets: tuple[str, ...] = ()
    """What it needs: images, scripts, style sheets."""
    pages: tuple[str, ...] = ()
    """Where it leads."""
    base: str = ""
    """What its links are relative to; empty: to its own address."""


def links(kind: str, body: bytes) -> Links:
    """Return the links of a body of this content type; none where it is neither HTML nor CSS."""
    if "html" in kind:
        return _of_html(body.decode("utf-8", "replace"))
    if "css" in kind:
        return Links(assets=tuple(islice(_of_css(body.decode("utf-8", "replace")), MAX_LINKS)))
    return Links()


def _of_css(text: str) -> Iterator[str]:
    for match in _CSS.finditer(text):
        if len(found := match[1] or match[2]) <= MAX_LINK:
            yield found


def _of_html(text: str) -> Links:
    assets: dict[str, None] = {}
    pages: dict[str, None] = {}
    base = ""
    for tag, given in _tags(text):
        if len(assets) + len(pages) >= MAX_LINKS:
            break
        if tag == "base":
            base = base or _value(given.get("href", ""))
            continue
        assets |= dict.fromkeys(filter(None, (_value(given.get(name, "")) for name in _ASSETS)))
        assets |= dict.fromkeys(_sources(given.get("srcset", "")))
        if href := _value(given.get("href", "")):
            (assets if tag == "link" else pages)[href] = None
        if tag == "meta" and _value(given.get("http-equiv", "")).lower() == "refresh":
            pages |= dict.fromkeys(_REFRESH.findall(_value(given.get("content", ""))))
    return Links(tuple(assets), tuple(pages), base)


def _value(raw: str) -> str:
    """Return an attribute's value; "" where it is too long for a link."""
    return html.unescape(raw) if len(raw) <= MAX_LINK else ""


def _sources(raw: str) -> list[str]:
    """Return the links of a srcset, each of which may have a width or a density behind it."""
    found: list[str] = []
    for one in raw.split(",") if len(raw) <= MAX_SOURCES else ():
        words = _value(one).split(maxsplit=1)
        found += words[:1]
    return found


def _tags(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each start tag's name in lower case, and those of its attributes that are wanted, as they are written."""
    at = text.find("<")
    while at >= 0:
        name = _NAME.match(text, at + 2 if (closing := text.startswith("/", at + 1)) else at + 1)
        if name is not None:
            given: dict[str, str] = {}
            end, empty = _attributes(text, name.end(), given)
            tag = name[0].lower()
            if end >= 0 and not closing:
                yield tag, given
            raw = _RAW.get(tag) if end >= 0 and not closing and not empty else None
            if raw is not None:
                found = raw.search(text, end)
                end = found.start() if found else -1
        else:
            end = _markup(text, at)
        at = text.find("<", end) if end >= 0 else -1


def _markup(text: str, at: int) -> int:
    """Return where what is no tag ends that begins at a "<": a comment, a declaration, a mere character; -1: never."""
    if text.startswith("<!--", at):
        # "<!-->" and "<!--->" are whole comments.
        if text.startswith((">", "->"), at + 4):
            return text.index(">", at) + 1
        found = _COMMENT_END.search(text, at + 4)
        return found.end() if found else -1
    if text.startswith(("!", "?", "/"), at + 1):
        return text.find(">", at) + 1 or -1
    return at + 1


def _attributes(text: str, at: int, given: dict[str, str]) -> tuple[int, bool]:
    """Read attributes up to the tag's end into `given`; return where that is (-1: nowhere), and if it is "/>"."""
    while match := _ATTRIBUTE.match(text, at):
        if match[1]:
            return match.end(1), text[match.end(1) - 2] == "/"
        at = match.end()
        value = ""
        if match[3]:
            quote = text[at : at + 1]
            if quote in ('"', "'") and quote:
                end = text.find(quote, at + 1)
                if end < 0:
                    return -1, False
                begin, at = at + 1, end + 1
            else:
                bare = _BARE.match(text, at)
                begin, end = at, bare.end() if bare else at
                at = end
            value = text[begin:end] if end - begin <= MAX_SOURCES else ""
        if len(match[2]) <= 10 and (name := match[2].lower()) in _WANTED:
            given.setdefault(name, value)
    return -1, False
