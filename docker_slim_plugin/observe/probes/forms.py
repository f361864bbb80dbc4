"""Forms of pages, and how a browser submits them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote_plus

MAX_FORMS, MAX_FIELDS = 20, 100
"""Maximum number of forms of a page, and of fields of a form that are sent."""
MAX_BODY = 1500
"""Maximum length of what a form sends, in characters; a longer form is left out."""
TEXT = "docker-slim"
"""What is written into a field that has no value."""
_BY_TYPE = {"email": "docker-slim@example.org", "number": "1", "range": "1", "url": "http://example.org/", "tel": "1",
            "date": "2024-01-01", "color": "#000000"}  # fmt: skip
_NOT_SENT = frozenset({"submit", "button", "reset", "image", "file"})
_CHOSEN = frozenset({"checkbox", "radio"})


class Form(NamedTuple):
    """A form, filled in."""

    method: str
    """GET or POST."""
    action: str
    """As it is written in the page; "" is the page itself."""
    body: str
    """application/x-www-form-urlencoded."""


@dataclass(slots=True)
class FormReader:
    """Collects the forms of a page while its start tags are read."""

    forms: list[Form]
    _open: dict[str, str] | None = None
    _fields: dict[str, str] | None = None

    def read(self, tag: str, given: Mapping[str, str]) -> None:
        """Take a start tag. A field belongs to the form that began last."""
        if tag == "form":
            self.end()
            if len(self.forms) < MAX_FORMS and given.get("enctype", "").lower() != "multipart/form-data":
                self._open, self._fields = dict(given), {}
        elif tag in ("input", "textarea", "select") and self._fields is not None and "name" in given:
            kind = given.get("type", "").lower()
            is_sent = kind not in _NOT_SENT and (kind not in _CHOSEN or "checked" in given)
            if is_sent and len(self._fields) < MAX_FIELDS:
                self._fields.setdefault(given["name"], given.get("value") or _BY_TYPE.get(kind, TEXT))

    def end(self) -> None:
        """Take the end of the form that began last, or of the page."""
        if self._open is not None and self._fields is not None:
            body = encoded(self._fields.items())
            method = "POST" if self._open.get("method", "").upper() == "POST" else "GET"
            if len(body) <= MAX_BODY:
                self.forms.append(Form(method, self._open.get("action", ""), body))
        self._open = self._fields = None


def encoded(fields: Iterable[tuple[str, str]]) -> str:
    return "&".join(
        f"{quote_plus(name, errors='replace')}={quote_plus(value, errors='replace')}" for name, value in fields
    )
