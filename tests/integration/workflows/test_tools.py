"""A tool that is started with nothing to do: it only says how it is used, and its users give it files. On a real engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cases.harness import SLIM, docker
from tests.integration.workflows.test_run import build, remove

pytestmark = pytest.mark.integration

TOOL = "docker-slim-test/file-tool"
TOOL_APP = r"""
FROM debian:bookworm
RUN mkdir -p /b/tool/DEBIAN /b/tool/usr/bin /b/tool-data/DEBIAN /b/tool-data/usr/share/tool \
 && for name in tool tool-data; do printf "Package: $name\nVersion: 1\nMaintainer: x <x@example.org>\nDescription: x\n" >/b/$name/DEBIAN/control; done \
 && printf 'Architecture: %s\nDepends: tool-data\n' "$(dpkg --print-architecture)" >>/b/tool/DEBIAN/control \
 && echo 'Architecture: all' >>/b/tool-data/DEBIAN/control && echo words >/b/tool-data/usr/share/tool/words \
 && cp /bin/cp /b/tool/usr/bin/tool && printf '#!/bin/sh\nexec tool "$@"\n' >/b/tool/usr/bin/tool-script && chmod 755 /b/tool/usr/bin/tool-script \
 && for name in tool-data tool; do dpkg-deb -b /b/$name /b/$name.deb && dpkg -i /b/$name.deb; done && rm -r /b
ENTRYPOINT ["tool"]
"""


@pytest.fixture(scope="module", autouse=True)
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    build(tmp_path_factory.mktemp("tool"), TOOL, TOOL_APP)
    yield
    remove(*(f"{TOOL}{suffix}" for suffix in ("", ":made", ":made-squashed")))


def test_a_tool_that_only_says_how_it_is_used(tmp_path: Path) -> None:
    words = [*SLIM, "run", f"--tag={TOOL}:made", "--force", "--format=json", TOOL]
    report = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
    assert any("only said how it is used" in warning for warning in report["Warnings"])
    docker("run", "--rm", "-v", f"{tmp_path}:/t", f"{TOOL}:made", "/usr/share/tool/words", "/t/out")
    assert (tmp_path / "out").read_text() == "words\n"
    docker("run", "--rm", "-v", f"{tmp_path}:/t", "--entrypoint=tool-script", f"{TOOL}:made-squashed", "/t/out", "/t/again")
    assert (tmp_path / "again").read_text() == "words\n"


def test_one_with_something_to_do_must_do_it() -> None:
    answer = subprocess.run([*SLIM, "run", f"--tag={TOOL}:made", "--force", TOOL, "one"], capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "ended with status 1" in answer.stderr
