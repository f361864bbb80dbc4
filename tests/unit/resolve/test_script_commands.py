"""Programs that shell scripts mention."""

from __future__ import annotations

import pytest

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.observation import AccessKind
from docker_slim_plugin.resolve.script_commands import MAX_PROGRAM, find_command_words, find_programs
from tests.elves import elf
from tests.observed import access, execution
from tests.rootfs import rootfs

NAMES = ("chown", "find", "gosu", "install", "mkdir", "openssl", "rm", "sed", "test", "id", "date")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        pytest.param("chown -R app /data", {"chown", "app"}, id="words"),
        pytest.param("find . -exec chown app '{}' +", {"find", "chown", "app"}, id="a command of find"),
        pytest.param('x="$(sed s/a/b/ "$f")"', {"sed"}, id="a command in a string"),
        pytest.param("x=`id -u`; y=$(date)", {"id", "date"}, id="commands in assignments"),
        pytest.param("echo please install it | sed x", {"sed", "x"}, id="what is said"),
        pytest.param("echo $(id)", {"id"}, id="a command in what is said"),
        pytest.param("printf 'install this'", set(), id="a string"),
        pytest.param("""printf '%s:%s' "$USER" "$(openssl passwd -1 "$PASSWORD")" >x""", {"openssl", "passwd", "x"}, id="a command in a word of what is said"),
        pytest.param('echo "in `date` now"', {"date"}, id="a command in a string of what is said"),
        pytest.param("# install", set(), id="a comment"),
        pytest.param('trap "rm -f x" EXIT', {"rm", "x", "EXIT"}, id="a trap"),
        pytest.param("sh -c 'mkdir x'", {"sh", "mkdir", "x"}, id="a string for a shell"),
        pytest.param("if ! test -f x; then exit 1; fi", {"x"}, id="builtins and keywords"),
        pytest.param("case $1 in install) gosu app mkdir;; esac", {"install", "gosu", "app", "mkdir"}, id="a case"),
        pytest.param("rm \\\n  x", {"rm", "x"}, id="a long line"),
    ],
)
def test_find_command_words(line: str, meant: set[str]) -> None:
    assert {word for word in find_command_words(line) if word.isalpha()} == meant


@pytest.mark.parametrize(
    ("name", "text", "kind", "argv0"),
    [
        pytest.param("/entry", "#!/bin/sh\nchown x\n", AccessKind.EXEC, "/entry", id="executed"),
        pytest.param("/entry", "#!/usr/bin/env bash\nchown x\n", AccessKind.OPEN, "/bin/bash", id="read by a shell"),
        pytest.param("/lib.sh", "chown x\n", AccessKind.OPEN, "-sh", id="sourced"),
    ],
)
def test_scripts(name: str, text: str, kind: AccessKind, argv0: str) -> None:
    tree = {name: text, "/bin": "-> usr/bin"} | {f"/usr/bin/{program}": elf() for program in NAMES}
    seen = [access(name, kind, argv0)]
    assert find_programs(rootfs(tree), seen, (), ("/bin",)) == {"/bin/chown"}
    assert find_programs(rootfs(tree), seen, {RootPath(name)}, ("/bin",)) == frozenset()


@pytest.mark.parametrize(
    ("text", "kind", "argv0"),
    [
        pytest.param("#!/bin/sh\nchown x\n", AccessKind.STAT, "/bin/sh", id="only looked at"),
        pytest.param("#!/bin/sh\nchown x\n", AccessKind.OPEN, "/bin/cat", id="read by another"),
        pytest.param("#!/usr/bin/perl\nchown x\n", AccessKind.EXEC, "/entry", id="no shell's"),
        pytest.param("chown x\n", AccessKind.OPEN, "/bin/sh", id="a list that a shell read"),
    ],
)
def test_no_scripts(text: str, kind: AccessKind, argv0: str) -> None:
    tree = {"/entry": text, "/bin/chown": elf()}
    assert find_programs(rootfs(tree), [access("/entry", kind, argv0)], (), ("/bin",)) == set()


def test_scripts_that_scripts_mention() -> None:
    tree: dict[str, str | bytes] = {
        "/a": "#!/bin/sh\n/opt/b\nlarge\n",
        "/opt/b": "#!/bin/sh\ninstall x\n",
        "/bin/install": elf(),
        "/bin/large": elf() + bytes(MAX_PROGRAM),
    }
    seen = [execution("/a", "/a")]
    assert find_programs(rootfs(tree), seen, (), ("/bin",)) == {"/opt/b", "/bin/install"}
