"""Write documents as YAML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def yaml_text(documents: Sequence[dict[str, Any]]) -> str:
    """Return the documents as YAML, in the order of their keys, without anchors."""
    import yaml  # noqa: PLC0415 (only profiles need it)

    class Plain(yaml.SafeDumper):
        """Repeats a list that is used twice, as readers expect."""

        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
            return True

    text = yaml.dump_all(documents, Dumper=Plain, sort_keys=False, explicit_start=len(documents) > 1, width=1000)
    return str(text)
