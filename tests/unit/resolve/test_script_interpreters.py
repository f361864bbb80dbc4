"""#! lines."""

from __future__ import annotations

import pytest

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve import script_interpreters
from tests.rootfs import rootfs


@pytest.mark.parametrize(
    ("head", "command"),
    [
        (b"#!/bin/sh\nx", ("/bin/sh", "")),
        (b"#! /bin/sh -e \n", ("/bin/sh", "-e")),
        (b"#!/usr/bin/env\tpython3 -u\n", ("/usr/bin/env", "python3 -u")),
        (b"#!/bin/sh", ("/bin/sh", "")),
        (b"#!\n", ("", "")),
        (b"#!/bin/\xff\n", ("/bin/\udcff", "")),
        (b"x#!/bin/sh\n", ("", "")),
    ],
)
def test_parse_shebang(head: bytes, command: tuple[str, str]) -> None:
    assert script_interpreters.parse_shebang(head) == command


@pytest.mark.parametrize(
    ("argument", "program"),
    [
        ("python3", "python3"),
        ("-S python3 -u", "python3"),
        ("-S A=b C='d e' python3 -u", "python3"),
        ("-Spython3 -u", "python3"),
        ("-i -u HOME ruby", "ruby"),
        ("-vS node --flag", "node"),
        ("--split-string=node --flag", "node"),
        ("--ignore-environment perl", "perl"),
        ("/opt/x", "/opt/x"),
        ("-S 'unended", "'unended"),
        ("-", ""),
        ("", ""),
    ],
)
def test_parse_env_program(argument: str, program: str) -> None:
    assert script_interpreters.parse_env_program(argument) == program


def test_env_looks_in_path() -> None:
    tree = rootfs({"/usr/bin/env": b"\x7fELF", "/a/tool": "not executable", "/b/tool": b"\x7fELF"})
    needs = list(script_interpreters.find_needs(tree, RootPath("/s"), b"#!/usr/bin/env tool\n", ("/a", "/b", "/c")))
    assert [need.path for need in needs] == ["/usr/bin/env", "/b/tool"]
    assert [need.reason.detail for need in needs] == ["#!/usr/bin/env", "#!/usr/bin/env tool"]


def test_a_relative_interpreter_is_ignored() -> None:
    assert list(script_interpreters.find_needs(rootfs({}), RootPath("/s"), b"#!sh\n", ())) == []
