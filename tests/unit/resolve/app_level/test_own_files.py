"""The app's own files."""

from __future__ import annotations

from typing import Any

import pytest

from docker_slim_plugin.model.observation import Access, AccessKind
from docker_slim_plugin.resolve.app_level import own_files
from tests.elves import elf
from tests.observed import access
from tests.unit.resolve.app_level.test_rules import ALL, added, status
from tests.unit.resolve.test_plan import Tree, plan

NGINX: Tree = {
    "/usr/share/nginx/html/index.html": "x", "/usr/share/nginx/html/50x.html": "x", "/usr/share/nginx/html/mine.html": "x",
    "/var/lib/dpkg/status": status(nginx=""),
    "/var/lib/dpkg/info/nginx.list": "/usr/share/nginx/html/index.html\n/usr/share/nginx/html/50x.html\n",
}  # fmt: skip


@pytest.mark.parametrize(
    ("tree", "accesses", "config", "kept"),
    [
        pytest.param({"/app/a": "x", "/app/d/b": "x", "/app/l": "-> gone", "/opt/c": "x"}, ["/app/a"], {}, ["/app/d/b", "/app/l"], id="the highest tree of a used file is whole"),
        pytest.param({"/opt/x/bin/a": "x", "/opt/x/lib/b": "x", "/opt/y/c": "x" * (2 << 20)}, ["/opt/x/bin/a"], {}, ["/opt/x/lib/b"], id="a place of the distribution is no tree"),
        pytest.param({"/a": "x", "/b.conf": "x", "/l": "-> a", "/big": "x" * (2 << 20)}, [], {}, ["/a", "/b.conf"], id="small files in the root directory"),
        pytest.param({"/data.bin": b"a\0b", "/tool": elf()}, [], {}, ["/tool"], id="programs in it, no data of other kinds"),
        pytest.param({"/a": "x", "/own/d/b": "x", "/big/c": "x" * (2 << 20), "/run/d": "x", "/mnt/e": "x", "/.git/f": "x"}, ["/a"], {}, ["/own/d/b"], id="small trees in the root directory"),
        pytest.param({"/etc/app/a": "x", "/etc/app/b": "x"}, [access("/etc/app/a", AccessKind.STAT)], {}, [], id="what was only looked up is not used"),
        pytest.param({"/app/b": "x"}, [], {"WorkingDir": "/app"}, ["/app/b"], id="the working directory"),
        pytest.param({"/app/b": "x"}, [], {"WorkingDir": "app/"}, ["/app/b"], id="a relative working directory"),
        pytest.param({"/real/b": "x", "/app": "-> real"}, [], {"WorkingDir": "/app"}, ["/real/b"], id="a working directory that is a link"),
        pytest.param({"/etc/app/b": "x"}, [], {"WorkingDir": "/"}, [], id="a working directory that is the root"),
        pytest.param({"/app/b": "x"}, [], {"WorkingDir": "/app/b"}, [], id="a working directory that is a file"),
        pytest.param({"/etc/app/b": "x", "/l": "-> l"}, [], {"WorkingDir": "/l"}, [], id="a working directory that is a loop"),
        pytest.param({"/usr/lib/b": "x"}, [], {"WorkingDir": "/usr/lib"}, [], id="a working directory of the distribution"),
        pytest.param({"/app/a": "x", "/app/.git/b": "x", "/app/.cache/c": "x", "/app/node_modules/d/e": "x", "/app/__pycache__/f": "x"}, ["/app/a"], {}, [], id="no caches, no version control, no code of others"),
        pytest.param({"/etc/app/node_modules/d/e": "x", "/etc/app/b": "x"}, ["/etc/app/node_modules/d/e"], {}, [], id="code of others is no reason for a tree"),
        pytest.param({"/etc/app/a": "x", "/etc/app/b": "x", "/etc/app/d/c": "x"}, ["/etc/app/a"], {}, ["/etc/app/b"], id="configuration: files beside the used one"),
        pytest.param({"/usr/local/lib/python3.12/os.py": "x", "/usr/local/lib/python3.12/test/a.py": "x"}, ["/usr/local/lib/python3.12/os.py"], {}, [], id="the library of a language is no tree of the app"),
        pytest.param(NGINX | {"/usr/share/nginx/html/css/a.css": "x", "/usr/share/nginx/html/big": "x" * (2 << 20), "/usr/share/nginx/x": "x"}, ["/usr/share/nginx/html/index.html"], {}, ["/usr/share/nginx/html/css/a.css", "/usr/share/nginx/html/mine.html"], id="unowned files and trees beside one that a package brought"),
        pytest.param({"/etc/nginx/nginx.conf": "x", "/etc/nginx/mine": "x", "/var/lib/dpkg/status": status(nginx=""), "/var/lib/dpkg/info/nginx.list": "/etc/nginx/nginx.conf\n"}, ["/etc/nginx/nginx.conf"], {}, [], id="in places for data only"),
        pytest.param(NGINX | {"/usr/share/nginx/html/too.html": "x"}, ["/usr/share/nginx/html/mine.html"], {}, ["/usr/share/nginx/html/too.html"], id="unowned files beside an unowned one"),
        pytest.param({"/usr/local/bin/a": "x", "/usr/local/bin/b": "x"}, ["/usr/local/bin/a"], {}, [], id="programs say nothing about their neighbours"),
        pytest.param({"/usr/local/bin/a": "#!/bin/sh\n", "/usr/local/bin/health": "#!/usr/bin/env bash\n", "/usr/local/bin/c": "#!/usr/bin/python3\n", "/usr/local/bin/d": "x", "/usr/local/bin/long": "#!/bin/sh\n" + "#" * (64 << 10)}, ["/usr/local/bin/a"], {}, ["/usr/local/bin/health"], id="shell scripts do about shell scripts"),
        pytest.param({"/usr/local/lib/a": "x", "/usr/local/lib/b": "x"}, ["/usr/local/lib/a"], {}, [], id="nor do libraries"),
        pytest.param({"/tmp/x/a": "x", "/tmp/x/b": "x", "/var/cache/x/a": "x", "/var/cache/x/b": "x"}, ["/tmp/x/a", "/var/cache/x/a"], {}, [], id="volatile places"),
        pytest.param({"/app/a": "x", "/srv/ftp/a": "x", "/srv/b": "x", "/opt/.git/c": "x", "/opt/d/__pycache__/e": "x", "/opt/f/node_modules/g": "x", "/data/h/i": "x"}, ["/app/a"], {}, ["/data/h/i", "/srv/ftp/a"], id="small trees in places for data"),
        pytest.param({"/app/a": "x", **{f"/srv/{index}/x": "x" * (900 << 10) for index in range(6)}}, ["/app/a"], {}, [f"/srv/{index}/x" for index in range(4)], id="no more than some MB of them"),
        pytest.param({"/home/me/a": "x", "/home/me/b": "x", "/home/me/d/c": "x"}, ["/home/me/a"], {}, ["/home/me/b"], id="a home directory: files beside the used one"),
        pytest.param({"/home/me/app/a": "x", "/home/me/app/d/b": "x", "/home/me/c": "x"}, ["/home/me/app/a"], {}, ["/home/me/app/d/b"], id="a tree in a home directory"),
    ],
)  # fmt: skip
def test_own_files(tree: Tree, accesses: list[str | Access], config: dict[str, Any], kept: list[str]) -> None:
    assert added("app-files", tree, *accesses, config=config) == kept


def test_a_large_tree_of_which_little_was_used_is_kept_by_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_files, "LARGE_TREE", 99)
    tree: Tree = {f"/models/m{index}": "x" for index in range(100)}
    assert added("app-files", tree, "/models/m1") == []
    (note,) = plan(tree, "/models/m1", hints_off=ALL - {"app-files"}, level="app").notes
    assert "used 1 of its 100 files" in note
    assert len(added("app-files", tree, "/models/m1", "/models/m2")) == 98


def test_a_rarely_used_directory_deep_in_a_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_files, "LARGE_TREE", 99)
    tree: Tree = {f"/app/deep/only/models/{index // 10}/m{index}": "x" for index in range(100)} | {"/app/deep/a": "x", "/app/deep/b": "x"}
    # One of 100 files is less than 2 %; three of the 102 in the directories above are not.
    accesses = ("/app/deep/a", "/app/deep/b", "/app/deep/only/models/0/m1")
    assert added("app-files", tree, *accesses) == []
    (note,) = plan(tree, *accesses, hints_off=ALL - {"app-files"}, level="app").notes
    assert note.startswith("/app/deep/only/models has 0 MB, and the run used 1 of its 100 files")
    assert len(added("app-files", tree, *accesses, "/app/deep/only/models/0/m2")) == 98


def test_a_rarely_used_directory_leaves_what_is_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages of an app are most of its files, and its own sources are whole all the same."""
    monkeypatch.setattr(own_files, "LARGE_TREE", 99)
    tree: Tree = {f"/app/vendor/{index // 10}/m{index}": "x" for index in range(300)} | {f"/app/src/{name}": "x" for name in "abcd"}
    assert added("app-files", tree, "/app/src/a", "/app/vendor/0/m1") == ["/app/src/b", "/app/src/c", "/app/src/d"]


def test_a_large_file_is_no_sibling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_files, "MAX_SIBLING", 3)
    assert added("app-files", {"/etc/a/x": "1", "/etc/a/y": "123", "/etc/a/z": "1234"}, "/etc/a/x") == ["/etc/a/y"]
