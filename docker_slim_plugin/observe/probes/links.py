"""A link extractor for HTML, CSS, scripts and JSON that reads any input in one pass.

The markup comes from the app, and may be made to stall its parser. Therefore the parser never backtracks: a tag, a
comment or a quoted value without an end ends the document (HTML, "Tokenization": eof-in-tag), every pattern is
possessive, and the length of values and the length and number of links are bounded.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from docker_slim_plugin.observe.probes import json_links
from docker_slim_plugin.observe.probes.forms import Form, FormReader

MAX_LINK = 2000
"""Maximum length of a link in characters; longer ones are ignored."""
MAX_LINKS = 10_000
"""Maximum number of distinct links of one document."""
MAX_SOURCES = 1 << 16
"""Maximum length of a srcset in characters."""
_NAME = re.compile(r"[A-Za-z][^\s/>]*+")
_ATTRIBUTE = re.compile(r"[\s/]*+(?:(>)|([^\s/>][^\s/>=]*+))(?:\s*+(=)\s*+)?+")
_BARE = re.compile(r"[^\s>]*+")
_COMMENT_END = re.compile(r"--!?>")
_RAW = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE)
    for name in ("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes")
}
"""Elements whose content is raw text, with the pattern that ends it."""
_CODE = frozenset({"script", "style"})
_LOADED = frozenset({"link", "image", "use"})
"""Elements whose href a browser loads by itself."""
_WANTED = frozenset({
    "href", "src", "poster", "data", "srcset", "http-equiv", "content", "background", "imagesrcset", "xlink:href",
    "style", "type", "action", "method", "enctype", "name", "value", "checked",
})  # fmt: skip
FORM_TAGS = frozenset({"form", "input", "select", "textarea"})
_ASSETS = ("src", "poster", "data", "background", "xlink:href")
_MAX_NAME = max(map(len, _WANTED))
_REFRESH = re.compile(r"url\s*+=\s*+['\"]?+([^'\"]++)", re.IGNORECASE)
_MODULE = re.compile(
    r"(?:\bfrom|\bimport|\bimport\s*+\(|\bnew\s++Worker\s*+\(|\bnew\s++URL\s*+\()\s*+['\"`](\.{0,2}/[^'\"`\s]++)"
)
"""A module or a file that a script loads by a constant name."""
_CSS = re.compile(r"url\(\s*+['\"]?+([^'\")]++)|@import\s++['\"]([^'\"]++)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Links:
    """The links of a document, as they are written there."""

    assets: tuple[str, ...] = ()
    """Links to resources: images, scripts, style sheets."""
    pages: tuple[str, ...] = ()
    """Links to other pages."""
    base: str = ""
    """The base URL of its links; empty for the document's own URL."""
    forms: tuple[Form, ...] = ()


def links(kind: str, body: bytes) -> Links:
    """Return the links of a body with this content type; none unless it is HTML, SVG, CSS, a script or JSON."""
    text = body.decode("utf-8", "replace")
    if "html" in kind or "svg" in kind:
        return _of_html(text)
    if "css" in kind:
        return Links(assets=tuple(islice(_of_css(text), MAX_LINKS)))
    if "javascript" in kind or "ecmascript" in kind:
        return Links(assets=tuple(islice(_of_script(text), MAX_LINKS)))
    if "json" in kind:
        assets, pages = json_links.read_document(text)
        return Links(tuple(filter(_fits, assets[:MAX_LINKS])), tuple(filter(_fits, pages[:MAX_LINKS])))
    return Links()


def _fits(link: str) -> bool:
    return len(link) <= MAX_LINK


def _of_script(text: str) -> Iterator[str]:
    yield from filter(_fits, _MODULE.findall(text))


def _of_css(text: str) -> Iterator[str]:
    for match in _CSS.finditer(text):
        if len(found := match[1] or match[2]) <= MAX_LINK:
            yield found


def _of_html(text: str) -> Links:
    assets: dict[str, None] = {}
    pages: dict[str, None] = {}
    base = ""
    forms = FormReader([])
    for tag, given, content in _tags(text):
        if len(assets) + len(pages) >= MAX_LINKS:
            break
        if tag == "base":
            base = base or _value(given.get("href", ""))
            continue
        if tag in FORM_TAGS:
            forms.read(tag, {name: _value(raw) for name, raw in given.items()})
        assets |= dict.fromkeys(filter(None, (_value(given.get(name, "")) for name in _ASSETS)))
        assets |= dict.fromkeys(_sources(given.get("srcset", "")))
        assets |= dict.fromkeys(_sources(given.get("imagesrcset", "")))
        assets |= dict.fromkeys(islice(_of_css(_value(given.get("style", ""))), MAX_LINKS))
        if tag == "style":
            assets |= dict.fromkeys(islice(_of_css(content), MAX_LINKS))
        elif tag == "script":
            assets |= dict.fromkeys(islice(_of_inline_script(given.get("type", ""), content), MAX_LINKS))
        if href := _value(given.get("href", "")):
            (assets if tag in _LOADED else pages)[href] = None
        if tag == "meta" and _value(given.get("http-equiv", "")).lower() == "refresh":
            pages |= dict.fromkeys(_REFRESH.findall(_value(given.get("content", ""))))
    forms.end()
    return Links(tuple(assets), tuple(pages), base, tuple(forms.forms))


def _of_inline_script(kind: str, content: str) -> Iterator[str]:
    if kind.strip().lower() == "importmap":
        return filter(_fits, json_links.import_map(content))
    return _of_script(content)


def _value(raw: str) -> str:
    """Return an attribute's value; "" if it is too long for a link."""
    return html.unescape(raw) if len(raw) <= MAX_LINK else ""


def _sources(raw: str) -> list[str]:
    """Return the links of a srcset; each may be followed by a width or a density."""
    found: list[str] = []
    for one in raw.split(",") if len(raw) <= MAX_SOURCES else ():
        words = _value(one).split(maxsplit=1)
        found += words[:1]
    return found


def _tags(text: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield the lower-case name of each start tag, its relevant attributes as they are written, and its raw content."""
    at = text.find("<")
    while at >= 0:
        name = _NAME.match(text, at + 2 if (closing := text.startswith("/", at + 1)) else at + 1)
        if name is not None:
            given: dict[str, str] = {}
            end, empty = _attributes(text, name.end(), given)
            tag = name[0].lower()
            raw = _RAW.get(tag) if end >= 0 and not closing and not empty else None
            begin, found = end, raw.search(text, end) if raw is not None else None
            if raw is not None:
                end = found.start() if found else -1
            if begin >= 0 and not closing:
                yield tag, given, text[begin:end] if found and tag in _CODE else ""
        else:
            end = _markup(text, at)
        at = text.find("<", end) if end >= 0 else -1


def _markup(text: str, at: int) -> int:
    """Return the end of a comment, a declaration or a literal character that begins with "<"; -1 if it has no end."""
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
    """Read the attributes of a tag into `given`; return the end of the tag (-1: none), and whether it ends in "/>"."""
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
        if len(match[2]) <= _MAX_NAME and (name := match[2].lower()) in _WANTED:
            given.setdefault(name, value)
    return -1, False
