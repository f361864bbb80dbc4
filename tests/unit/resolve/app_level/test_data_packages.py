"""Packages of data that used programs and libraries depend on."""

from __future__ import annotations

import time

import pytest

from docker_slim_plugin.model.observation import Access
from docker_slim_plugin.resolve.app_level import data_packages
from tests.elves import GLIBC, elf
from tests.observed import access, execution
from tests.unit.resolve.app_level.test_rules import ALL, added, status
from tests.unit.resolve.test_plan import Tree, plan

INFO = "/var/lib/dpkg/info"
TRIPLET = "/usr/lib/x86_64-linux-gnu"
PACKAGES = {
    "tool": "Depends: libtool, tool-data, helper, python3-x, tool-dev\n",
    "libtool": "Depends: libtool-data\n",
    "tool-data": "Source: languages\n", "tool-more": "Source: languages\n", "tool-other": "",
    "libtool-data": "Depends: fonts, other-bin\n", "fonts": "", "libunused": "Depends: unused-data\n", "unused-data": "",
    "helper": "", "other-bin": "", "python3-x": "", "tool-dev": "",
}  # fmt: skip
DATA = ("tool-data", "tool-more", "tool-other", "libtool-data", "fonts", "unused-data", "helper", "other-bin", "python3-x", "tool-dev")
FILES = {
    "tool": "/usr/bin/tool", "libtool": f"{TRIPLET}/libtool.so.1", "libunused": f"{TRIPLET}/libunused.so.1", "helper": "/usr/bin/helper", "other-bin": "/usr/sbin/other",
} | {name: f"/usr/share/{name}/x" for name in DATA if name not in ("helper", "other-bin")}  # fmt: skip


def installed(**sizes: int) -> Tree:
    stanzas = status(**PACKAGES)
    for name in DATA:
        stanzas = stanzas.replace(f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64", f"Package: {name}\nStatus: install ok installed\nArchitecture: all")
    return {
        "/var/lib/dpkg/status": stanzas, GLIBC: elf(),
        **{f"{INFO}/{name}.list": f"{path}\n" for name, path in FILES.items()},
        **{path: elf() if ".so" in path or "bin/" in path else "x" * sizes.get(name.replace("-", "_"), 1) for name, path in FILES.items()},
        FILES["tool"]: elf("libtool.so.1", interpreter=GLIBC),
    }  # fmt: skip


RUN = [execution(FILES["tool"]), access(FILES["libtool"])]
FOUND = [FILES[name] for name in ("fonts", "libtool-data", "tool-data", "tool-more")]


@pytest.mark.parametrize(
    ("accesses", "ended", "kept"),
    [
        pytest.param(RUN, False, FOUND, id="of programs that ran and libraries that were loaded, and others of the same source"),
        pytest.param(RUN[:1], False, FOUND[2:], id="not of a library that was not loaded"),
        pytest.param(RUN[:1], True, FOUND, id="of a tool, of all its libraries"),
        pytest.param(["/usr/share/fonts/x"], True, [], id="data is not code"),
        pytest.param([access(FILES["tool"])], False, [], id="a program that was read only"),
        pytest.param([], True, [], id="nothing"),
    ],
)
def test_data_of_used_packages(accesses: list[str | Access], ended: bool, kept: list[str]) -> None:
    assert added("data", installed(), *accesses, has_ended=ended) == sorted(kept)


def test_large_packages_are_left_out_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_packages, "MAX_PACKAGE", 9)
    assert added("data", installed(fonts=10), *RUN) == FOUND[1:]
    notes = [note for note in plan(installed(fonts=10), *RUN, hints_off=ALL - {"data"}, level="app").notes if "fonts" in note]
    assert notes == ["data of used packages is left out, for its size: fonts (--keep-package NAME keeps it)"]


def test_many_packages_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_packages, "TOGETHER", 8)
    assert added("data", installed(tool_data=4, tool_more=3, fonts=2, libtool_data=2), *RUN) == [FOUND[0], FOUND[1], FOUND[3]]


def test_a_cycle_and_a_missing_dependency_end() -> None:
    tree = installed()
    tree["/var/lib/dpkg/status"] = str(tree["/var/lib/dpkg/status"]).replace("Package: fonts\n", "Package: fonts\nDepends: libtool-data, gone\n")
    assert added("data", tree, *RUN) == FOUND


@pytest.mark.parametrize(
    ("package", "path", "kept"),
    [
        pytest.param({"name": "voices"}, "/usr/lib/voices/x", True, id="data of one architecture"),
        pytest.param({"name": "voices"}, "/usr/lib/voices/x.so", False, id="modules"),
        pytest.param({"name": "voices", "architecture": "all"}, "/usr/libexec/voices/x", False, id="programs"),
        pytest.param({"name": "voices", "field": "Recommends: other | voices (>= 1), gone"}, "/usr/share/voices/x", True, id="recommended"),
        pytest.param({"name": "voices", "field": "Suggests: voices"}, "/usr/share/voices/x", False, id="suggested"),
        pytest.param({"name": "ruby-voices", "architecture": "all"}, "/usr/share/voices/x", False, id="a library of a language"),
    ],
)  # fmt: skip
def test_what_is_data_of_a_tool(package: dict[str, str], path: str, kept: bool) -> None:
    name = package["name"]
    architecture = package.get("architecture", "amd64")
    stanzas = f"Package: tool\nStatus: install ok installed\nArchitecture: amd64\n{package.get('field', f'Depends: {name}')}\n\n"
    tree: Tree = {
        "/usr/bin/tool": elf(), path: "x", f"{INFO}/tool.list": "/usr/bin/tool\n", f"{INFO}/{name}.list": f"{path}\n",
        "/var/lib/dpkg/status": f"{stanzas}Package: {name}\nStatus: install ok installed\nArchitecture: {architecture}\n\n",
    }  # fmt: skip
    assert added("data", tree, execution("/usr/bin/tool"), has_ended=True) == ([path] if kept else [])
    is_always = kept and architecture == "all"
    assert added("data", tree, execution("/usr/bin/tool")) == ([path] if is_always else [])


def test_scripts_are_no_data() -> None:
    tree = installed() | {f"{INFO}/fonts.list": "/usr/share/fonts/x\n/etc/init.d/fonts\n", "/etc/init.d/fonts": "#!/bin/sh\n", "/bin/sh": elf()}
    assert added("data", tree, *RUN) == FOUND


def test_many_recommendations_take_linear_time() -> None:
    tree = installed()
    tree["/var/lib/dpkg/status"] = str(tree["/var/lib/dpkg/status"]).replace("Package: tool\n", f"Package: tool\nRecommends: {'a, ' * 500_000}{' ' * 500_000}fonts\n")
    started = time.process_time()
    assert FOUND[0] in added("data", tree, *RUN, has_ended=True)
    assert time.process_time() - started < 10


def test_apk() -> None:
    tree: Tree = {
        "/usr/bin/tool": elf(), "/usr/share/data/x": "x", "/usr/share/other/x": "x",
        "/lib/apk/db/installed": "P:tool\nA:x86_64\no:tool\nD:data other\nF:usr/bin\nR:tool\n\nP:data\nA:noarch\no:data\nF:usr/share/data\nR:x\n\nP:other\nA:x86_64\no:other\nF:usr/share/other\nR:x\n",
    }  # fmt: skip
    assert added("data", tree, execution("/usr/bin/tool")) == ["/usr/share/data/x"]
