"""The man pages have every command and option, and groff has nothing to say about them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from docker_slim_plugin.cli.app import VERBS
from docker_slim_plugin.cli.declare import OPTIONS

ROOT = Path(__file__).parents[3]


def made(directory: Path, epoch: str) -> Mapping[str, str]:
    environment = {"SOURCE_DATE_EPOCH": epoch}
    subprocess.run([sys.executable, ROOT / "packaging/man-pages", directory], check=True, env=environment)
    return {path.name: path.read_text() for path in directory.iterdir()}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    return made(tmp_path_factory.mktemp("man"), "1000000000")


def test_every_command_has_its_page(pages: Mapping[str, str]) -> None:
    assert set(pages) == {"docker-slim.1", *(f"docker-slim-{verb}.1" for verb in VERBS)}


@pytest.mark.parametrize("verb", OPTIONS)
def test_a_page_has_every_option(verb: str, pages: Mapping[str, str]) -> None:
    page = pages[f"docker-slim-{verb}.1"].replace("\\-", "-").replace("\\(aq", "'")
    for option in OPTIONS[verb].values():
        assert f"{option.name} {option.metavar}" in page if option.metavar else option.name in page
        assert option.help in page or option.name in ("--output", "--tag", "--host-exec")
    assert "2001-09-09" in page


def test_they_are_the_same_again(pages: Mapping[str, str], tmp_path: Path) -> None:
    assert made(tmp_path, "1000000000") == pages


@pytest.mark.skipif(not shutil.which("groff"), reason="needs groff")
def test_groff_has_no_warning(pages: Mapping[str, str], tmp_path: Path) -> None:
    for name, page in pages.items():
        answer = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww", "-z"], input=page, check=False, capture_output=True, text=True
        )
        assert (answer.returncode, answer.stderr) == (0, ""), name
