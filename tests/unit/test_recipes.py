"""The recipes for continuous integration: the text and the files are the same, and the wrappers call them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/ci.md").read_text()
STEPS = re.findall(r"```sh\n# (docs/examples/ci/[\w-]+\.sh): (.*?)\n(.*?)```", TEXT, re.DOTALL)


def test_each_file_stands_in_the_text() -> None:
    assert sorted(file for file, _, _ in STEPS) == sorted(str(one.relative_to(ROOT)) for one in (ROOT / "docs/examples/ci").iterdir())


@pytest.mark.parametrize(("file", "about", "steps"), STEPS)
def test_the_text_is_the_file(file: str, about: str, steps: str) -> None:
    assert (ROOT / file).read_text() == f"#!/bin/sh\n# {about}\n{steps}"
    assert (ROOT / file).stat().st_mode & 0o111


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL))
def test_the_wrappers_call_the_steps(text: str) -> None:
    assert yaml.safe_load(text)
    assert "sh docs/examples/ci/slim.sh" in text
