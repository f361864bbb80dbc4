"""The images of the cases take a minute each to build: that is done while the other tests run."""

from __future__ import annotations

import pytest

from tests.cases import harness


def pytest_collection_finish(session: pytest.Session) -> None:
    if not session.config.option.collectonly:
        modules = (getattr(item, "module", None) for item in session.items)
        for recipe in dict.fromkeys(getattr(module, "RECIPE", None) for module in modules):
            if isinstance(recipe, harness.Recipe):
                harness.build_ahead(recipe)


def pytest_sessionfinish() -> None:
    harness.nothing_ahead()
