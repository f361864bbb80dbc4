"""Python distributions and the standard library."""

from __future__ import annotations

import pytest

from docker_slim_plugin.resolve.app_level.python_site import normalized
from tests.elves import elf
from tests.observed import execution
from tests.unit.resolve.app_level.test_rules import added, status
from tests.unit.resolve.test_plan import Tree, plan

LIBRARY = "/usr/local/lib/python3.11"
SITE = f"{LIBRARY}/site-packages"


def distribution(name: str, *files: str, requires: str = "") -> Tree:
    info = f"{SITE}/{name}-1.dist-info"
    return {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\n{requires}\n\nRequires-Dist: text\n",
        f"{info}/RECORD": "".join(f"{file},sha256=x,1\n" for file in files),
        **{f"{SITE}/{file}": "x" for file in files if ".." not in file and not file.startswith("/")},
    }


DISTRIBUTIONS: Tree = {
    **distribution("Web_App", "web/__init__.py", "web/lazy.py", "web/data.txt", "../../../bin/web", requires="Requires-Dist: tem.plates (>=2) ; extra == 'x'\nRequires-Dist: gone"),
    **distribution("tem-plates", "plates.py", requires="Requires-Dist: web-app"),
    **distribution("text", "text.py"),
    **distribution("pip", "pip.py", "pip2.py"),
    "/usr/local/bin/web": "#!/usr/bin/python3\n",
}  # fmt: skip


@pytest.mark.parametrize(
    ("tree", "accesses", "kept"),
    [
        pytest.param(DISTRIBUTIONS, [f"{SITE}/web/__init__.py"], ["/usr/local/bin/web", f"{SITE}/plates.py", f"{SITE}/web/data.txt", f"{SITE}/web/lazy.py"], id="whole, with what it requires, in cycles too"),
        pytest.param(DISTRIBUTIONS, [f"{SITE}/text.py"], [], id="not what nobody requires"),
        pytest.param(DISTRIBUTIONS, [f"{SITE}/Web_App-1.dist-info/METADATA"], [], id="metadata is no use of a module"),
        pytest.param(DISTRIBUTIONS, [f"{SITE}/pip.py"], [], id="installers are kept by need"),
        pytest.param({**distribution("a", "a.pth", "a.py")}, [f"{SITE}/a.pth"], [], id="each start reads all .pth files"),
        pytest.param({**distribution("a", "a.py", "/etc/a", "../../../../../../..", "/", "", "b/..", "/l"), "/etc/a": "x", "/l": "-> l"}, [f"{SITE}/a.py"], ["/etc/a", "/l"], id="a RECORD that names anything"),
        pytest.param({**distribution("a", "a.py", "b.py"), f"{SITE}/a-1.dist-info/METADATA/": ""}, [f"{SITE}/a.py"], [], id="metadata that is a directory"),
        pytest.param({f"{SITE}/a.py": "x", f"{SITE}/b.py": "x"}, [f"{SITE}/a.py"], [], id="modules without metadata"),
        pytest.param({f"{SITE}/x-1.dist-info": "-> x-1.dist-info", f"{SITE}/y.egg-info": "Name:\n", f"{SITE}/a.py": "x"}, [f"{SITE}/a.py"], [], id="malformed metadata"),
        pytest.param({"/site-packages/a-1.dist-info/METADATA": "Name: a\n", "/site-packages/a-1.dist-info/RECORD": "a.py\nb.py\n", "/site-packages/a.py": "x", "/site-packages/b.py": "x"}, ["/site-packages/a.py"], ["/site-packages/b.py"], id="a site in the root directory"),
    ],
)  # fmt: skip
def test_distributions(tree: Tree, accesses: list[str], kept: list[str]) -> None:
    assert [path for path in added("python", tree, *accesses) if ".dist-info/" not in path] == kept


APP: Tree = {
    **distribution("used", "used.py"),
    **distribution("Pillow", "PIL/__init__.py", "PIL/Image.py", requires="Requires-Dist: codec"),
    **distribution("codec", "codec.abi3.so"),
    **distribution("ns-a", "ns/a/__init__.py", "ns/a/more.py"),
    **distribution("ns-b", "ns/b.py"),
    f"{SITE}/own/__init__.py": "x", f"{SITE}/own/part.py": "x", f"{SITE}/single.py": "x",
}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        pytest.param("def f():\n    from PIL import Image", ["PIL/Image.py", "PIL/__init__.py", "codec.abi3.so"], id="in a function, with requirements"),
        pytest.param("import ns.a", ["ns/a/__init__.py", "ns/a/more.py"], id="one distribution of a namespace"),
        pytest.param("from ns import b", ["ns/b.py"], id="a module that is imported from a namespace"),
        pytest.param("import codec.x", ["codec.abi3.so"], id="a compiled module"),
        pytest.param("import own.part", ["own/__init__.py", "own/part.py"], id="a tree without metadata"),
        pytest.param("import single", ["single.py"], id="a module without metadata"),
        pytest.param("PLUGINS = ['ns.a.Class']", ["ns/a/__init__.py", "ns/a/more.py"], id="a name in a setting"),
        pytest.param("'ns'; 'used.'; import gone, ns.gone, ..own", [], id="names of nothing"),
        pytest.param("# import own\n'''\nimport own\n'''", [], id="comments and texts"),
        pytest.param("import " + "ns." * 50_000 + "x", [], id="a long name"),
    ],
)  # fmt: skip
def test_what_sources_import(source: str, kept: list[str]) -> None:
    tree: Tree = {**APP, "/app/main.py": source}
    found = added("python", tree, "/app/main.py", f"{SITE}/used.py")
    assert [path.removeprefix(f"{SITE}/") for path in found if ".dist-info/" not in path] == kept


def test_scripts_without_a_name_and_distributions_are_read_too() -> None:
    tree: Tree = {**APP, "/app/main": "#!/usr/bin/env -S python3.11 -u\nimport single\n", f"{SITE}/used.py": "import ns.b"}
    found = added("python", tree, execution("/app/main"), f"{SITE}/used.py")
    assert [path for path in found if path.endswith(("single.py", "b.py"))] == [f"{SITE}/ns/b.py", f"{SITE}/single.py"]


def test_plugins_and_what_was_installed_by_name() -> None:
    tree: Tree = {
        **distribution("web", "web/__init__.py"), **distribution("plugin", "plugin.py"), **distribution("tool", "tool.py"),
        **distribution("named", "named.py"), **distribution("large", "large.py"),
        f"{SITE}/plugin-1.dist-info/entry_points.txt": "[console_scripts]\nx=y\n[ web.commands ]\nx = plugin:x\n",
        f"{SITE}/tool-1.dist-info/entry_points.txt": "[console_scripts]\nweb=web\n[webx]\n",
        f"{SITE}/named-1.dist-info/REQUESTED": "", f"{SITE}/large-1.dist-info/REQUESTED": "", f"{SITE}/large.py": "x" * (3 << 20),
    }  # fmt: skip
    found = added("python", tree, f"{SITE}/web/__init__.py")
    assert [path for path in found if ".dist-info/" not in path] == [f"{SITE}/named.py", f"{SITE}/plugin.py"]


def test_computed_names_are_counted() -> None:
    tree: Tree = {**APP, "/app/main.py": "importlib.import_module(name)\n__import__('x' + y)\nimport_module('os')\n"}
    notes = plan(tree, "/app/main.py", f"{SITE}/used.py", level="app").notes
    assert [note[:57] for note in notes] == ["Python: 1 modules are loaded by names that the app comput"]


def test_debian_packages_have_no_record() -> None:
    site = "/usr/lib/python3/dist-packages"
    tree: Tree = {
        f"{site}/a.egg-info": "Name: a\nRequires-Dist: c\n", f"{site}/b.egg-info/PKG-INFO": "Name: b\n", f"{site}/c-1.dist-info/METADATA": "Name: c\n",
        **{f"{site}/{name}.py": "x" for name in "abcd"}, "/usr/bin/a": "x",
        "/var/lib/dpkg/status": status(**{"python3-ab": "", "python3-c": ""}),
        "/var/lib/dpkg/info/python3-ab.list": f"{site}/a.egg-info\n{site}/b.egg-info/PKG-INFO\n{site}/a.py\n{site}/b.py\n/usr/bin/a\n",
        "/var/lib/dpkg/info/python3-c.list": f"{site}/c-1.dist-info/METADATA\n{site}/c.py\n",
    }  # fmt: skip
    assert added("python", tree, f"{site}/b.py") == [f"{site}/a.egg-info", f"{site}/a.py", f"{site}/b.egg-info/PKG-INFO", f"{site}/c-1.dist-info/METADATA", f"{site}/c.py"]
    assert added("python", tree, f"{site}/c.py") == [f"{site}/c-1.dist-info/METADATA"]


def test_standard_library() -> None:
    names = ["os.py", "json/tool.py", "lib-dynload/_json.x.so"]
    others = [
        "test/x.py", "json/tests/x.py", "idlelib/x.py", "ensurepip/x.py", "turtle.py", "config-3.11-x86_64-linux-gnu/x.a",
        "__pycache__/os.pyc", "lib-dynload/_tkinter.x.so", "site-packages/x.py",
    ]  # fmt: skip
    tree: Tree = {f"{LIBRARY}/{name}": elf() if name.endswith(".so") else "x" for name in [*names, *others, "abc.py"]}
    assert added("python", tree, f"{LIBRARY}/abc.py") == sorted(f"{LIBRARY}/{name}" for name in names)
    assert added("python", tree, f"{LIBRARY}/site-packages/x.py") == []
    del tree[f"{LIBRARY}/os.py"]
    assert added("python", tree, f"{LIBRARY}/abc.py") == []


def test_normal_names() -> None:
    assert [normalized(name) for name in ("A", "a__b", "a.-_b", "", "-")] == ["a", "a-b", "a-b", "", "-"]
