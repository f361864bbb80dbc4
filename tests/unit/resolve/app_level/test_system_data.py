"""Names, fonts, and other names of programs."""

from __future__ import annotations

import pytest

from tests.elves import elf
from tests.observed import execution
from tests.unit.resolve.app_level.test_rules import added
from tests.unit.resolve.test_plan import Tree


def test_names() -> None:
    tree: Tree = {"/app": elf(), "/etc/services": "-> inet", "/etc/inet": "x", "/etc/passwd": "x", "/etc/mime.types": "x" * (257 << 10), "/etc/other": "x"}
    assert added("names", tree, execution("/app")) == ["/etc/inet", "/etc/passwd", "/etc/services"]


FONTS: Tree = {"/usr/lib/libfontconfig.so.1": elf(), "/etc/fonts/fonts.conf": "x", "/etc/fonts/conf.d/a": "-> /usr/share/fontconfig/a", "/usr/share/fontconfig/a": "x", "/usr/share/fonts/f.ttf": "x", "/app": elf()}


def test_fonts() -> None:
    settings = ["/etc/fonts/conf.d/a", "/etc/fonts/fonts.conf", "/usr/share/fontconfig/a"]
    assert added("fonts", FONTS, "/usr/lib/libfontconfig.so.1") == [*settings, "/usr/share/fonts/f.ttf"]
    assert added("fonts", FONTS | {"/usr/share/fonts/f.ttf": "x" * (25 << 20)}, "/usr/lib/libfontconfig.so.1") == settings
    assert added("fonts", FONTS, execution("/app")) == []
    by_need = FONTS | {"/app": elf("libmodule.so"), "/usr/lib/libmodule.so": elf("libfontconfig.so.1")}
    assert added("fonts", by_need, execution("/app")) == []
    assert added("fonts", by_need, execution("/app"), has_ended=True) == [*settings, "/usr/share/fonts/f.ttf"]


LINKS: Tree = {
    "/usr/bin/tool-6": elf(), "/usr/bin/tool": "-> /etc/alternatives/tool", "/etc/alternatives/tool": "-> /usr/bin/tool-6", "/bin": "-> usr/bin",
    "/usr/lib/app/cli.js": "#!/usr/bin/env node\n", "/usr/local/bin/app": "-> ../../lib/app/cli.js", "/usr/bin/other": "-> gone", "/usr/bin/loop": "-> loop",
    "/opt/tool": "-> /usr/bin/tool-6", "/data": "x", "/usr/bin/data": "-> /data", "/usr/bin/dir": "-> /opt",
}  # fmt: skip


@pytest.mark.parametrize(
    ("access", "kept"),
    [
        ("/usr/bin/tool-6", ["/etc/alternatives/tool", "/usr/bin/tool"]),
        ("/usr/lib/app/cli.js", ["/usr/local/bin/app"]),
        ("/data", []),
        ("/opt", []),
    ],
)
def test_links(access: str, kept: list[str]) -> None:
    assert added("links", LINKS, access) == kept


def test_alternatives_of_files() -> None:
    tree: Tree = {
        "/usr/share/tool/help": "-> /etc/alternatives/help", "/etc/alternatives/help": "-> /usr/share/tool/help-small", "/usr/share/tool/help-small": "x",
        "/usr/share/man/help": "-> /etc/alternatives/help", "/usr/share/tool/gone": "-> /etc/alternatives/gone", "/usr/share/tool/other": "-> help-small",
        "/usr/share/tool/dir": "-> /etc/alternatives/dir", "/etc/alternatives/dir": "-> /usr",
    }  # fmt: skip
    assert added("links", tree, "/usr/share/tool/help-small") == ["/etc/alternatives/help", "/usr/share/tool/help"]
    assert added("links", tree, "/usr/share/tool/other") == ["/etc/alternatives/help", "/usr/share/tool/help"]


def test_links_of_a_program_with_many_names() -> None:
    tree: Tree = {"/bin/busybox": elf(), **{f"/bin/b{number}": "-> busybox" for number in range(17)}}
    assert added("links", tree, "/bin/busybox") == []
    del tree["/bin/b16"]
    assert len(added("links", tree, "/bin/busybox")) == 16
