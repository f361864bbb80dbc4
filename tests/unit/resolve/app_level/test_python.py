"""Python distributions and the standard library."""

from __future__ import annotations

import pytest

from docker_slim_plugin.resolve.app_level.python import normalized
from tests.elves import elf
from tests.unit.resolve.app_level.test_rules import added, status
from tests.unit.resolve.test_plan import Tree

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
