"""Node packages and their dependencies."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from docker_slim_plugin.resolve.app_level.node_imports import read_imports
from tests.unit.resolve.app_level.test_rules import added
from tests.unit.resolve.test_plan import Tree, plan

TOP = "/app/node_modules"


def manifest(*names: str, **kinds: Any) -> str:
    return json.dumps({"dependencies": dict.fromkeys(names, "1"), **kinds})


PACKAGES: Tree = {
    "/app/package.json": manifest("a", devDependencies={"dev": "1"}),
    "/app/main.js": "x",
    "/app/other.js": "x",
    f"{TOP}/a/package.json": manifest("b", "@s/c", "gone"),
    f"{TOP}/a/index.js": "x",
    f"{TOP}/a/lib/deep/x.txt": "x",
    f"{TOP}/a/test/x.js": "x",
    f"{TOP}/a/lib/test/x.js": "x",
    f"{TOP}/a/node_modules/b/package.json": manifest("a", optionalDependencies={"o": "1"}),
    f"{TOP}/b/package.json": manifest(),
    f"{TOP}/@s/c/package.json": manifest(peerDependencies={"p": "1"}),
    f"{TOP}/o/package.json": "{}",
    f"{TOP}/p/package.json": "{}",
    f"{TOP}/dev/package.json": "{}",
}
OF_A = [f"{TOP}/@s/c/package.json", f"{TOP}/a/lib/deep/x.txt", f"{TOP}/a/lib/test/x.js", f"{TOP}/a/node_modules/b/package.json", f"{TOP}/o/package.json", f"{TOP}/p/package.json"]


@pytest.mark.parametrize(
    ("tree", "accesses", "kept"),
    [
        pytest.param(PACKAGES, [f"{TOP}/a/index.js"], [*OF_A, f"{TOP}/a/package.json"], id="whole, with the nearest dependencies"),
        pytest.param(PACKAGES, ["/app/main.js"], [*OF_A, f"{TOP}/a/package.json", f"{TOP}/a/index.js"], id="what the app depends on, not the app itself"),
        pytest.param(PACKAGES, [f"{TOP}/b/package.json", f"{TOP}/a/lib/deep/x.txt"], [], id="only code counts as use"),
        pytest.param({"/package.json": manifest("a"), "/main.js": "x", "/node_modules/a/package.json": "{}"}, ["/main.js"], ["/node_modules/a/package.json"], id="an app in the root directory"),
        pytest.param({f"{TOP}/x.js": "x", "/app/package.json": manifest("a"), f"{TOP}/a/package.json": ""}, [f"{TOP}/x.js"], [], id="a file in no package"),
        pytest.param(
            {"/app/package.json": manifest("a"), "/app/x.js": "x", f"{TOP}/a": "-> .pnpm/a@1/node_modules/a", f"{TOP}/.pnpm/a@1/node_modules/a/package.json": manifest("b"),
             f"{TOP}/.pnpm/a@1/node_modules/b": "-> ../../b@1/node_modules/b", f"{TOP}/.pnpm/b@1/node_modules/b/package.json": "{}"},
            ["/app/x.js"],
            [f"{TOP}/.pnpm/a@1/node_modules/a/package.json", f"{TOP}/.pnpm/b@1/node_modules/b/package.json"],
            id="links to packages",
        ),
        pytest.param({f"{TOP}/a": "-> a", "/app/package.json": manifest("a"), "/app/x.js": "x"}, ["/app/x.js"], [], id="a loop of links"),
    ],
)  # fmt: skip
def test_packages(tree: Tree, accesses: list[str], kept: list[str]) -> None:
    assert added("node", tree, *accesses) == sorted({*kept} - {*accesses})


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "1", '"x"', '{"dependencies": []}', '{"dependencies": "b"}', '{"dependencies": null}', "[" * 100_000, "9" * 100_000,
     '{"dependencies":' * 50_000, "\udcff", "\0", '{"dependencies": {"": 1, ".": 1, "..": 1, "../..": 1, "../x": 1, "/etc": 1, "b/c": 1, "@s": 1, "@s/..": 1, "\\ud800": 1, "\\u0000": 1}}'],
)  # fmt: skip
def test_malformed_manifests(text: str) -> None:
    tree: Tree = {
        f"{TOP}/a/package.json": text, f"{TOP}/a/x.js": "x", f"{TOP}/package.json": "{}", "/app/x/package.json": "{}", "/package.json": "{}",
        f"{TOP}/b/c/package.json": "{}", f"{TOP}/@s/package.json": "{}", f"{TOP}/etc/package.json": "{}",
    }  # fmt: skip
    assert added("node", tree, f"{TOP}/a/x.js") == [f"{TOP}/a/package.json"]


def test_a_manifest_that_is_a_directory() -> None:
    tree: Tree = {f"{TOP}/a/package.json/": "", f"{TOP}/a/x.js": "x", f"{TOP}/a/y.js": "x"}
    assert added("node", tree, f"{TOP}/a/x.js") == [f"{TOP}/a/y.js"]


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        pytest.param("const f = () => require('a/lib/x')", True, id="require"),
        pytest.param('import {x as y,\n z} from "a"', True, id="import"),
        pytest.param("import'a';", True, id="import without a name"),
        pytest.param("await import(`a`)", True, id="import()"),
        pytest.param("export * from 'a'", True, id="export"),
        pytest.param("require('./a'); require('/a'); require('node:a'); require('../a'); require('A'); require('a\nb'); require(`${a}`)", False, id="other names"),
        pytest.param("prequire('a'); imports('a')", False, id="other words"),
    ],
)  # fmt: skip
def test_what_the_apps_sources_load(source: str, kept: bool) -> None:
    for place in ("/app/node_modules", "/usr/share/nodejs"):
        tree: Tree = {"/app/x.mjs": source, f"{place}/a/package.json": manifest("b"), f"{place}/b/package.json": "{}", f"{place}/c/package.json": "{}"}
        assert added("node", tree, "/app/x.mjs") == ([f"{place}/a/package.json", f"{place}/b/package.json"] if kept else [])


def test_debians_packages_and_node_path() -> None:
    tree: Tree = {f"{place}/{name}/{file}": "{}" for place in ("/usr/share/nodejs", "/lib2") for name in "ab" for file in ("package.json", "x.js")}
    tree["/usr/share/nodejs/a/package.json"] = tree["/lib2/a/package.json"] = manifest("b")
    assert added("node", tree, "/usr/share/nodejs/a/x.js") == [f"/usr/share/nodejs/{path}" for path in ("a/package.json", "b/package.json", "b/x.js")]
    assert added("node", tree, "/lib2/a/x.js", config={"Env": ["NODE_PATH=/lib2:relative:/gone:"]}) == [f"/lib2/{path}" for path in ("a/package.json", "b/package.json", "b/x.js")]


def test_computed_names_of_the_app_are_counted() -> None:
    tree: Tree = {"/app/x.js": "require(name); import(a + b); x.require(y); require('c'); require( )", f"{TOP}/a/x.js": "require(name)"}
    notes = plan(tree, "/app/x.js", f"{TOP}/a/x.js", level="app").notes
    assert [note[:48] for note in notes] == ["Node: 2 modules are loaded by names that the app"]


@pytest.mark.parametrize("unit", ["require(", "require('", "import ", "from'", "@", "`", " ", "require( "])
def test_time_is_linear(unit: str) -> None:
    begun = time.process_time()
    read_imports(unit * (1_000_000 // len(unit)))
    assert time.process_time() - begun < 2
