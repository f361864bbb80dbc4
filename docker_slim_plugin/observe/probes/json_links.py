"""Links in JSON that a server sends: OpenAPI and Swagger documents, web app manifests, import maps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

MAX_PATHS = 200
ICON_MEMBERS = ("icons", "screenshots")


def read_document(text: str) -> tuple[list[str], list[str]]:
    """Return the assets and the pages that a JSON document names; nothing if it is of another kind."""
    document = _parsed(text)
    if isinstance(document.get("paths"), dict) and ("openapi" in document or "swagger" in document):
        return [], list(_operations(document))
    return list(_manifest(document)), _texts([document.get("start_url")])


def import_map(text: str) -> list[str]:
    """Return the modules that an import map names (HTML, "Import maps")."""
    imports = _parsed(text).get("imports")
    return _texts(list(imports.values())) if isinstance(imports, dict) else []


def _parsed(text: str) -> dict[str, Any]:
    """Return the object that a text is; an empty one if it is none."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _operations(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths that can be requested with GET and without a parameter."""
    base = document.get("basePath")
    base = base.rstrip("/") if isinstance(base, str) and base.startswith("/") else ""
    for path, item in list(document["paths"].items())[:MAX_PATHS]:
        operation = item.get("get") if isinstance(item, dict) else None
        if isinstance(operation, dict) and path.startswith("/") and "{" not in path:
            given = operation.get("parameters")
            needed = (
                [one for one in given if isinstance(one, dict) and one.get("required")]
                if isinstance(given, list)
                else []
            )
            if not needed:
                yield f"{base}{path}"


def _manifest(document: Mapping[str, Any]) -> Iterator[str]:
    for member in ICON_MEMBERS:
        icons = document.get(member)
        for icon in icons if isinstance(icons, list) else ():
            yield from _texts([icon.get("src")] if isinstance(icon, dict) else [])


def _texts(values: list[Any]) -> list[str]:
    return [one for one in values if isinstance(one, str) and one]
