"""PHP: what kept sources include, and Composer's packages."""

from __future__ import annotations

import json
import time

import pytest

from tests.unit.resolve.app_level.test_rules import added
from tests.unit.resolve.test_plan import Tree

LIBRARY = "/usr/share/php"
TREE: Tree = {
    f"{LIBRARY}/Twig/autoload.php": "<?php", f"{LIBRARY}/data.txt": "x", "/srv/app/lib/a.inc": "<?php", "/srv/app/b.php": "<?php", "/work/c.php": "<?php",
    "/etc/passwd": "x", "/srv/app/d": "-> lib",
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        pytest.param("if (0) { require_once 'Twig/autoload.php'; }", [f"{LIBRARY}/Twig/autoload.php"], id="in include_path"),
        pytest.param("include('lib/a.inc'); require \"b.php\";", ["/srv/app/b.php", "/srv/app/lib/a.inc"], id="beside the file"),
        pytest.param("require __DIR__ . '/lib/a.inc';", ["/srv/app/lib/a.inc"], id="by __DIR__"),
        pytest.param("include_once dirname(__FILE__).'/lib/../b.php';", ["/srv/app/b.php"], id="by __FILE__"),
        pytest.param("require '/etc/passwd';", ["/etc/passwd"], id="by its path"),
        pytest.param("include 'd/a.inc';", ["/srv/app/lib/a.inc"], id="over a link"),
        pytest.param("include 'c.php';", ["/work/c.php"], id="in the working directory"),
        pytest.param("include $name; include 'none.php'; include 'lib'; $x = 'b.php'; requires('b.php');", [], id="what names no file"),
        pytest.param("include '../../../../../..'; include ''; include '\0'; include __DIR__ . ''; \udcff", [], id="malformed"),
    ],
)
def test_includes(code: str, kept: list[str]) -> None:
    tree = {**TREE, "/srv/app/index.php": f"<?php\n{code}\n"}
    assert added("php", tree, "/srv/app/index.php", config={"WorkingDir": "/work"}) == kept


def test_what_is_included_includes_more() -> None:
    tree: Tree = {"/a/index.php": "<?php include 'b.php';", "/a/b.php": "<?php include 'c.inc';", "/a/c.inc": "<?php include 'index.php';", "/a/no.txt": "<?php include 'x.php';"}
    assert added("php", tree, "/a/index.php") == ["/a/b.php", "/a/c.inc"]


PACKAGES = [
    {"name": "a/used", "require": {"php": ">=8", "a/needed": "^1", "gone/gone": "*"}, "require-dev": {"a/never": "*"}},
    {"name": "a/needed", "require": {"a/used": "*"}}, {"name": "a/never"}, {"name": "../../etc", "require": []}, {"name": 7}, "x",
]  # fmt: skip
VENDOR = "/srv/app/vendor"
INSTALLED: Tree = {
    f"{VENDOR}/{name}": "<?php" for name in ("a/used/src/A.php", "a/used/src/B.php", "a/used/data.json", "a/used/tests/T.php", "a/needed/C.php", "a/never/D.php", "autoload.php")
} | {"/etc/x.php": "<?php"}


@pytest.mark.parametrize("document", [PACKAGES, {"packages": PACKAGES}], ids=["Composer 1", "Composer 2"])
def test_packages_are_whole_with_what_they_require(document: object) -> None:
    tree = {**INSTALLED, f"{VENDOR}/composer/installed.json": json.dumps(document)}
    assert added("php", tree, f"{VENDOR}/a/used/src/A.php") == [f"{VENDOR}/{name}" for name in ("a/needed/C.php", "a/used/data.json", "a/used/src/B.php")]
    assert added("php", tree, f"{VENDOR}/autoload.php") == []


@pytest.mark.parametrize("document", ["", "{", "[" * 100_000, '{"packages": 1}', "7", "null"])
def test_a_malformed_list_of_packages(document: str) -> None:
    assert added("php", {**INSTALLED, f"{VENDOR}/composer/installed.json": document}, f"{VENDOR}/a/used/src/A.php") == []


def test_a_long_line_takes_no_time() -> None:
    started = time.process_time()
    assert added("php", {"/a/x.php": "include " * 60_000 + "(" * 500_000}, "/a/x.php") == []
    assert time.process_time() - started < 5
