"""Node packages and their dependencies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.resolve.app_level.test_rules import added
from tests.unit.resolve.test_plan import Tree

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
