"""The contracts of our JSON documents, as tests hold documents to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DOCS = Path(__file__).parents[1] / "docs"
SCHEMA: dict[str, Any] = json.loads((DOCS / "report-schema.json").read_text())
XRAY_SCHEMA: dict[str, Any] = json.loads((DOCS / "xray-schema.json").read_text())
PROFILE_SCHEMA: dict[str, Any] = json.loads((DOCS / "profile-schema.json").read_text())


def violations(document: object, schema: dict[str, Any] = SCHEMA) -> list[str]:
    """Return a sentence for each way in which a document, a report by default, is not as its schema says."""
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(document)]
