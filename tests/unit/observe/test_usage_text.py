"""The commands in help texts, as programs write them."""

from __future__ import annotations

import time

import pytest

from docker_slim_plugin.observe.usage_text import find_commands, is_usage

GO = """A tool.

Usage:
  tool [command]

Available Commands:
  build       Build it
  completion  Make a script
  help        Help about any command
  serve       Serve it
  watch       Watch it

Flags:
  -h, --help   help for tool
"""
ARGPARSE = """usage: tool [-h] {add,list} ...

positional arguments:
  {add,list}
    add       add one
    list      list all

options:
  -h, --help  show this help message and exit
"""


@pytest.mark.parametrize(
    ("text", "usage", "commands"),
    [
        pytest.param(GO, True, ("build", "completion", "serve"), id="cobra"),
        pytest.param(ARGPARSE, True, ("add", "list"), id="argparse"),
        pytest.param("Try 'tool --help' for more information.\n", True, (), id="coreutils"),
        pytest.param("  started   all is well\n", False, ("started",), id="a log"),
        pytest.param("", False, (), id="nothing"),
    ],
)
def test_texts(text: str, usage: bool, commands: tuple[str, ...]) -> None:
    assert is_usage(text) is usage
    assert find_commands(text) == commands


def test_it_is_linear() -> None:
    begun = time.monotonic()
    for text in (" " * 65_000, "usage" * 13_000, "  a, " * 13_000, "\n --" * 16_000):
        is_usage(text)
        find_commands(text)
    assert time.monotonic() - begun < 2
