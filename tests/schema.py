"""The contract of the report's JSON, as tests hold documents to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parents[1] / "docs" / "report-schema.json").read_text())


def violations(document: object) -> list[str]:
    """Return a sentence for each way in which a report is not as docs/report-schema.json says."""
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(document)]
