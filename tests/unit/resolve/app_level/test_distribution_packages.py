"""Distribution packages that the app is made of."""

from __future__ import annotations

import pytest

from docker_slim_plugin.model.observation import Access
from docker_slim_plugin.resolve.app_level import distribution_packages
from tests import rpmdb
from tests.elves import elf
from tests.observed import execution
from tests.unit.resolve.app_level.test_rules import added, status
from tests.unit.resolve.test_plan import Tree

INFO = "/var/lib/dpkg/info"
STATES = "/var/lib/apt/extended_states"
TREE: Tree = {
    "/usr/sbin/web": elf(), "/usr/sbin/webctl": elf(), "/usr/share/web/error.html": "x", "/usr/share/doc/web/copyright": "x",
    "/usr/include/web/web.h": "x", "/usr/lib/libweb.a": "x", f"{INFO}/web.list": "/usr/sbin/web\n/usr/sbin/webctl\n/usr/share/web/error.html\n"
    "/usr/share/doc/web/copyright\n/usr/include/web/web.h\n/usr/lib/libweb.a\n/gone\n",
    "/usr/share/web-common/mime": "x", f"{INFO}/web-common.list": "/usr/share/web-common/mime\n",
    "/usr/lib/libz.so": elf(), "/usr/share/z/z": "x", f"{INFO}/libz:amd64.list": "/usr/lib/libz.so\n/usr/share/z/z\n",
    "/bin/ls": elf(), "/bin/cat": elf(), f"{INFO}/coreutils.list": "/bin/ls\n/bin/cat\n",
    "/usr/bin/python3": elf(), "/usr/bin/pydoc": elf(), f"{INFO}/python3.list": "/usr/bin/python3\n/usr/bin/pydoc\n",
    "/usr/bin/tool": elf(), f"{INFO}/tool.list": "/usr/bin/tool\n",
    "/var/lib/dpkg/status": status(
        **{"web": "Depends: web-common (= 1), virtual-z | other, coreutils", "web-common": "Source: web (1.2)\n", "libz": "Provides: virtual-z (= 1)\n",
           "coreutils_": "", "python3": "", "tool": ""}
    ).replace("Package: libz\nStatus: install ok installed\nArchitecture: amd64", "Package: libz\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same"),
}  # fmt: skip
WEB = ["/usr/sbin/webctl", "/usr/share/web/error.html"]
COMMON = "/usr/share/web-common/mime"


def states(*automatic: str) -> Tree:
    return {STATES: "".join(f"Package: {name}\nArchitecture: amd64\nAuto-Installed: 1\n\n" for name in automatic)}


@pytest.mark.parametrize(
    ("tree", "accesses", "kept"),
    [
        pytest.param(TREE, [execution("/usr/sbin/web")], [*WEB, COMMON], id="the package of an executed program, and those of the same source that it depends on"),
        pytest.param(TREE, ["/usr/sbin/web"], [], id="what was only opened is not executed"),
        pytest.param(TREE, ["/usr/share/web/error.html"], [], id="data is kept by need"),
        pytest.param(TREE, [execution("/bin/ls")], [], id="packages of the base are kept by need"),
        pytest.param(TREE, [execution("/usr/bin/python3")], [], id="interpreters are left to other rules"),
        pytest.param(TREE | states("web", "web-common", "libz"), [], ["/usr/bin/tool"], id="small packages that were installed by name"),
        pytest.param(TREE | {STATES: "Package: web\nAuto-Installed: 0\n"}, [], [], id="nothing is known to be installed by name if nothing is automatic"),
        pytest.param(TREE | {STATES: "Auto-Installed: 1\n\0\n: \nPackage"}, [], [*["/usr/bin/tool", "/usr/lib/libz.so"], *WEB[:0], "/usr/sbin/web", *WEB, COMMON, "/usr/share/z/z"], id="malformed states name no package"),
    ],
)  # fmt: skip
def test_packages(tree: Tree, accesses: list[str | Access], kept: list[str]) -> None:
    assert added("packages", tree, *accesses) == sorted(kept)


def test_large_packages_that_were_installed_by_name_are_kept_by_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distribution_packages, "SMALL", len(elf()) - 1)
    assert added("packages", TREE | states("web", "web-common", "libz")) == []


@pytest.mark.parametrize(
    ("first_line", "tree", "kept"),
    [
        ("#!/bin/sh", {}, []),
        ("#!/bin/cat", {}, ["/usr/bin/helper"]),
        ("#!/usr/bin/env cat", {}, ["/usr/bin/helper"]),
        ("#!/usr/bin/env gone", {}, []),
        ("#!/usr/bin/env", {}, []),
        ("#!/loop", {"/loop": "-> loop"}, []),
        ("#!cat", {}, ["/usr/bin/helper"]),
    ],
)
def test_scripts_of_a_package_come_if_their_interpreter_is_kept(first_line: str, tree: Tree, kept: list[str]) -> None:
    small: Tree = {
        "/usr/bin/main": elf(), "/usr/bin/helper": f"{first_line}\n", "/bin/cat": elf(), "/bin/sh": elf(),
        f"{INFO}/main.list": "/usr/bin/main\n/usr/bin/helper\n", "/var/lib/dpkg/status": status(main=""),
    }  # fmt: skip
    assert added("packages", small | tree, execution("/usr/bin/main"), "/bin/cat") == kept


SCRIPTED: Tree = {
    "/usr/bin/main": elf(), "/usr/bin/to-pdf": "#!/bin/sh\nmain\n", "/usr/bin/to-x": "#!/usr/bin/perl\n", "/usr/share/main/job": "#!/bin/sh\n", "/bin/sh": elf(), "/usr/bin/perl": elf(),
    f"{INFO}/main.list": "/usr/bin/main\n/usr/bin/to-pdf\n/usr/bin/to-x\n/usr/share/main/job\n", "/var/lib/dpkg/status": status(main=""),
}  # fmt: skip


def test_scripts_of_a_tool_bring_their_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    run = execution("/usr/bin/main")
    assert added("packages", SCRIPTED, run) == []
    assert added("packages", SCRIPTED, run, has_ended=True) == ["/bin/sh", "/usr/bin/to-pdf", "/usr/share/main/job"]
    assert added("packages", SCRIPTED, "/usr/bin/main", has_ended=True) == []
    monkeypatch.setattr(distribution_packages, "MAX_SHELL", len(elf()) - 1)
    assert added("packages", SCRIPTED, run, has_ended=True) == []


def test_the_package_of_the_name_that_a_tool_is_started_by() -> None:
    tree: Tree = {
        "/usr/bin/draw": "-> /usr/sbin/library-tool", "/usr/bin/more": elf(), "/usr/sbin/library-tool": elf(), "/var/lib/dpkg/status": status(draw="", library=""),
        f"{INFO}/draw.list": "/usr/bin/draw\n/usr/bin/more\n", f"{INFO}/library.list": "/usr/sbin/library-tool\n",
    }  # fmt: skip
    assert added("packages", tree, execution("/usr/bin/draw")) == []
    assert added("packages", tree, execution("/usr/bin/draw"), has_ended=True) == ["/usr/bin/more"]


@pytest.mark.parametrize(
    ("content", "ended", "automatic", "kept"),
    [
        pytest.param(b"\0helper\0", True, "x", ["/usr/bin/helper", "/usr/share/helper/x"], id="named"),
        pytest.param(bytes((1 << 20) - 40) + b"\0helper\0", True, "x", ["/usr/bin/helper", "/usr/share/helper/x"], id="over the end of a block"),
        pytest.param(b"\0helpers\0 helper ", True, "x", [], id="another word"),
        pytest.param(b"\0helper\0", False, "x", [], id="a server"),
        pytest.param(b"\0helper\0", True, "helper", [], id="a dependency"),
    ],
)
def test_a_helper_that_a_tool_names(monkeypatch: pytest.MonkeyPatch, content: bytes, ended: bool, automatic: str, kept: list[str]) -> None:
    monkeypatch.setattr(distribution_packages, "SMALL", 1)
    tree: Tree = {
        "/usr/bin/main": elf() + content, "/usr/bin/helper": elf(), "/usr/share/helper/x": "xx", "/var/lib/dpkg/status": status(main="", helper="", x=""), **states(automatic),
        f"{INFO}/main.list": "/usr/bin/main\n", f"{INFO}/helper.list": "/usr/bin/helper\n/usr/share/helper/x\n",
    }  # fmt: skip
    assert added("packages", tree, execution("/usr/bin/main"), has_ended=ended) == kept
    monkeypatch.setattr(distribution_packages, "MAX_HELPER", 3)
    assert added("packages", tree, execution("/usr/bin/main"), has_ended=ended) == []


@pytest.mark.parametrize(
    ("accesses", "kept"),
    [
        pytest.param([execution("/usr/sbin/web")], [*WEB, COMMON, "/usr/lib/libz.so", "/usr/share/z/z", "/bin/ls", "/bin/cat"], id="dependencies, virtual ones and the base too"),
        pytest.param(["/usr/share/z/z"], ["/usr/lib/libz.so"], id="any used file"),
        pytest.param(["/usr/bin/python3"], ["/usr/bin/pydoc"], id="interpreters"),
        pytest.param(["/else"], [], id="nothing"),
    ],
)
def test_level_package(accesses: list[str | Access], kept: list[str]) -> None:
    assert added("packages", TREE, *accesses, level="package") == sorted(kept)


def test_data_of_packages_that_were_installed_by_name() -> None:
    names = {
        "web": "Depends: fonts\n", "gs": "Depends: libgs\n", "libgs": "Depends: gs-data, web-data, huge-data, python3-x\n", "gs-data": "", "fonts": "", "web-data": "",
        "huge-data": "", "python3-x": "", "base_": "", "unused-data": "",
    }  # fmt: skip
    stanzas = status(**names)
    for name in names:
        if name.endswith(("data", "fonts", "-x")):
            stanzas = stanzas.replace(f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64", f"Package: {name}\nStatus: install ok installed\nArchitecture: all")
    files = {"web": "/usr/bin/web", "gs": "/usr/bin/gs", "libgs": "/usr/lib/libgs.so", **{name: f"/usr/share/{name}/x" for name in names if name.endswith(("data", "fonts", "-x"))}}
    tree: Tree = {
        "/var/lib/dpkg/status": stanzas, **{path: elf() if "/share/" not in path else "x" for path in files.values()}, **{f"{INFO}/{name}.list": f"{path}\n" for name, path in files.items()},
        "/var/lib/apt/extended_states": "".join(f"Package: {name}\nAuto-Installed: 1\n\n" for name in names if name not in ("web", "gs")),
        "/usr/share/huge-data/x": "x" * (17 << 20),
    }  # fmt: skip
    assert added("packages", tree, execution("/usr/bin/web")) == ["/usr/bin/gs", "/usr/share/gs-data/x", "/usr/share/web-data/x"]


def test_cyclic_and_malformed_dependencies() -> None:
    tree: Tree = {
        f"/usr/bin/{name}{part}": elf() for name in "abc" for part in "12"
    } | {f"{INFO}/{name}.list": f"/usr/bin/{name}1\n/usr/bin/{name}2\n" for name in "abc"}  # fmt: skip
    tree["/var/lib/dpkg/status"] = status(a="Depends: b, , |, (\n", b="Depends: a\n", c="Provides: ,(= 1),\n")
    assert added("packages", tree, execution("/usr/bin/a1"), level="package") == ["/usr/bin/a2", "/usr/bin/b1", "/usr/bin/b2"]


def test_level_package_of_apk() -> None:
    tree: Tree = {
        **{f"/usr/bin/{name}{part}": elf() for name in "abcdef" for part in "12"},
        "/lib/apk/db/installed": (
            "P:a\nD:so:b.so.1>=1 virtual !d /usr/bin/e1 gone\nF:usr/bin\nR:a1\nR:a2\n\nP:b\np:so:b.so.1=1.2\nD:a\nF:usr/bin\nR:b1\nR:b2\n\n"
            "P:c\np:virtual~1\nF:usr/bin\nR:c1\nR:c2\n\nP:d\nF:usr/bin\nR:d1\nR:d2\n\nP:e\nF:usr/bin\nR:e1\nR:e2\n\nP:f\nD:a\nF:usr/bin\nR:f1\nR:f2\n"
        ),
    }  # fmt: skip
    found = added("packages", tree, execution("/usr/bin/a1"), level="package")
    assert found == [f"/usr/bin/{name}" for name in ("a2", "b1", "b2", "c1", "c2", "e1", "e2")]


def test_level_package_of_rpm() -> None:
    files = {name: [f"/usr/bin/{name}1", f"/usr/bin/{name}2"] for name in "abcd"}
    tree: Tree = {
        **{path: elf() for paths in files.values() for path in paths},
        "/var/lib/rpm/rpmdb.sqlite": rpmdb.database(files, needs={"a": ["virtual-b", "rpmlib(X)", "/usr/bin/c1"], "b": ["a"], "d": ["a"]}),
    }
    found = added("packages", tree, execution("/usr/bin/a1"), level="package")
    assert found == [f"/usr/bin/{name}" for name in ("a2", "b1", "b2", "c1", "c2")]


def test_packages_of_one_source_of_apk() -> None:
    tree: Tree = {
        "/usr/bin/a": elf(), "/usr/lib/a/more": elf(), "/usr/bin/b": elf(),
        "/lib/apk/db/installed": (
            "P:a\no:a\nD:a-more b\nF:usr/bin\nR:a\n\nP:a-more\no:a\nF:usr/lib/a\nR:more\n\nP:b\no:b\nF:usr/bin\nR:b\n"
        ),
    }  # fmt: skip
    assert added("packages", tree, execution("/usr/bin/a")) == ["/usr/lib/a/more"]


def test_level_package_without_dependencies_in_the_database() -> None:
    apk: Tree = {"/usr/bin/a": elf(), "/usr/bin/b": elf(), "/lib/apk/db/installed": "P:a\nF:usr/bin\nR:a\nR:b\n"}
    assert added("packages", apk, execution("/usr/bin/a")) == ["/usr/bin/b"]
    assert added("packages", apk, "/usr/bin/a", level="package") == ["/usr/bin/b"]
    distroless: Tree = {
        "/usr/bin/a": elf(), "/usr/bin/b": elf(), "/var/lib/dpkg/status.d/a": "Package: a\n",
        "/var/lib/dpkg/status.d/a.md5sums": f"{'0' * 32}  usr/bin/a\n{'0' * 32}  usr/bin/b\n",
    }  # fmt: skip
    assert added("packages", distroless, "/usr/bin/a", level="package") == ["/usr/bin/b"]
