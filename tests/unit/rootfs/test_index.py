"""Lookup in the pristine tree, including hostile trees."""

from __future__ import annotations

import os
import random

import pytest

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.rootfs.index import Walk, all_parents, parents
from tests.rootfs import rootfs


@pytest.mark.parametrize(
    ("tree", "asked", "links", "end"),
    [
        pytest.param({"/usr/bin/sh": "x", "/bin": "-> usr/bin"}, "/bin/sh", ["/bin"], "/usr/bin/sh", id="merged /usr"),
        pytest.param({"/a": "-> /b", "/b": "-> /a"}, "/a", ["/a", "/b"], None, id="a loop ends"),
        pytest.param({"/a": "-> a"}, "/a", ["/a"], None, id="a link to itself ends"),
        pytest.param({"/a": "-> missing"}, "/a", ["/a"], None, id="a dangling link is passed"),
        pytest.param({"/x": "y"}, "/../../x", [], "/x", id=".. at the root stays there"),
        pytest.param({"/d/l": "-> ../../../etc/x", "/etc/x": ""}, "/d/l", ["/d/l"], "/etc/x", id="no way out"),
        pytest.param({"/x": "y"}, "/x/z", [], None, id="below a file there is nothing"),
        pytest.param({"/d/": ""}, "/d//./", [], "/d", id="slashes and dots"),
        pytest.param({"/l": "-> d/", "/d/x": ""}, "/l/x", ["/l"], "/d/x", id="a target with a slash behind it"),
        pytest.param({"/n\nl\x1b[31m": "y"}, "/n\nl\x1b[31m", [], "/n\nl\x1b[31m", id="newline and escape in a name"),
        pytest.param({os.fsdecode(b"/\xff\xfe"): "y"}, os.fsdecode(b"/\xff\xfe"), [], "/\udcff\udcfe", id="not UTF-8"),
    ],
)
def test_walk(tree: dict[str, str], asked: str, links: list[str], end: str | None) -> None:
    assert rootfs(tree).walk(asked) == Walk(tuple(RootPath(link) for link in links), end and RootPath(end))  # type: ignore[arg-type]


def test_the_last_link_is_not_followed_when_asked_so() -> None:
    tree = rootfs({"/d/l": "-> f", "/d/f": "", "/e": "-> d"})
    assert tree.walk("/e/l", follow=False) == Walk((RootPath("/e"),), RootPath("/d/l"))


def test_forty_links_are_the_limit() -> None:
    chain: dict[str, str] = {f"/l{index}": f"-> l{index + 1}" for index in range(41)}
    tree = rootfs(chain | {"/l41": "x"})
    assert tree.walk("/l1").end == "/l41"
    assert tree.walk("/l0").end is None


def test_a_path_of_4000_bytes() -> None:
    long = "/" + "/".join(["d" * 199] * 20)
    assert rootfs({long: "x"}).walk(long).end == long
    assert rootfs({}).walk(long).end is None


def test_random_trees_of_links_always_end() -> None:
    chance = random.Random(7)
    names = [f"/{a}" for a in "abc"] + [f"/{a}/{b}" for a in "abc" for b in "abc"]
    for _ in range(300):
        links = {name: f"-> {chance.choice(['', '../', '/'])}{chance.choice('abc')}/{chance.choice('abc')}" for name in names[3:]}  # fmt: skip
        tree = rootfs(links)
        for name in names:
            walk = tree.walk(name + "/a/b/c")
            assert walk.end is None or walk.end in tree.entries
            assert all(link in tree.entries for link in walk.links)


def test_parents() -> None:
    assert list(parents(RootPath("/a/b/c"))) == ["/a/b", "/a", "/"]
    assert list(parents(RootPath("/"))) == []


def test_below() -> None:
    tree = rootfs({"/d/a": "", "/d/s/b": "", "/d/l": "-> s", "/other": ""})
    assert [entry.path for entry in tree.below(RootPath("/d"))] == ["/d", "/d/a", "/d/l", "/d/s", "/d/s/b"]


def test_a_chrooted_path_stays_in_its_root() -> None:
    tree = rootfs({"/jail/etc/hosts": "in", "/etc/hosts": "out", "/jail/link": "-> /etc/hosts", "/jail/up": "-> ../../etc"})
    assert tree.walk("/jail/link", root="/jail").end == "/jail/etc/hosts"
    assert tree.walk("/jail/link").end == "/etc/hosts"
    assert tree.walk("/jail/up/hosts", root="/jail").end == "/jail/etc/hosts"
    assert tree.walk("/jail/../../etc/hosts", root="/jail").end == "/jail/etc/hosts"


def test_a_root_that_the_image_does_not_have_leads_nowhere() -> None:
    tree = rootfs({"/etc/hosts": ""})
    assert [tree.walk(f"/run/jail{rest}", root="/run/jail").end for rest in ("/", "/..", "/etc", "/../../etc/hosts")] == [None] * 4


def test_the_parents_of_several_paths() -> None:
    paths = [RootPath(path) for path in ("/a/b/c", "/a/b/d", "/a/e/f", "/", "/g")]
    assert all_parents(paths) == {path for one in paths for path in parents(one)} == {"/", "/a", "/a/b", "/a/e"}
    assert all_parents([RootPath("/")]) == set()
