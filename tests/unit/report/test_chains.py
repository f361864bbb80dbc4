"""Chains of reasons in reports that are written here."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from docker_slim_plugin.report.chains import MAX_LINKS, find_chain, other_reasons, resolve_links
from docker_slim_plugin.report.stored import StoredEntry, StoredReason


def entry(path: str, *reasons: tuple[str, str, str], kind: str = "file") -> StoredEntry:
    return StoredEntry(path, kind, 1, "app", "", tuple(StoredReason(*one) for one in reasons))


def image(*entries: StoredEntry) -> Mapping[str, StoredEntry]:
    return {one.Path: one for one in entries}


ENTRIES = image(
    entry("/", ("directory", "image", "directories stay"), kind="dir"),
    entry("/lib", ("symlink", "/lib/libz.so", "link to usr/lib"), kind="link"),
    entry("/usr/lib/libz.so", ("symlink", "/lib/libz.so", "link to libz.so.1"), kind="link"),
    entry("/usr/lib/libz.so.1", ("library", "/usr/bin/app", "DT_NEEDED libz.so"), ("library", "/usr/lib/libpng.so", "DT_NEEDED libz.so")),
    entry("/usr/lib/libpng.so", ("library", "/usr/bin/app", "DT_NEEDED libpng.so"), ("hint", "plugins", "modules beside those that were loaded")),
    entry("/usr/bin/app", ("access", "docker", "exec (ptrace)"), ("interpreter", "/usr/bin/script", "#!app")),
    entry("/usr/bin/script", ("interpreter", "/usr/bin/script", "#!itself")),
    entry("/a", ("symlink", "/b", "link to b"), kind="link"),
    entry("/b", ("symlink", "/a", "link to a"), kind="link"),
)


def chain(path: str) -> list[tuple[str, str]]:
    return [(step.path, step.reason.Kind) for step in find_chain(path, ENTRIES)]


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        pytest.param("/", [("/", "directory")], id="a directory"),
        pytest.param("/usr/bin/app", [("/usr/bin/app", "access")], id="what ran"),
        pytest.param("/usr/lib/libz.so.1", [("/usr/lib/libz.so.1", "library"), ("/usr/bin/app", "access")], id="the shortest"),
        pytest.param("/usr/lib/libpng.so", [("/usr/lib/libpng.so", "hint")], id="a rule is shorter than a library"),
        pytest.param("/usr/lib/libz.so", [("/usr/lib/libz.so", "symlink"), ("/usr/lib/libz.so.1", "library"), ("/usr/bin/app", "access")], id="a symlink leads to its target"),
        pytest.param("/usr/bin/script", [("/usr/bin/script", "interpreter")], id="a reason that names its own path"),
        pytest.param("/a", [("/a", "symlink")], id="a circle"),
        pytest.param("/absent", [], id="what is not kept"),
    ],
)
def test_the_chain_of_a_path(path: str, steps: list[tuple[str, str]]) -> None:
    assert chain(path) == steps


def test_the_other_reasons() -> None:
    found = ENTRIES["/usr/lib/libpng.so"]
    assert [one.Kind for one in other_reasons(found, find_chain(found.Path, ENTRIES))] == ["library"]
    assert find_chain(found.Path, ENTRIES)[0].sentence() == "kept by the rule plugins: modules beside those that were loaded"


@pytest.mark.parametrize(
    ("path", "follow", "end"),
    [
        ("/lib/libz.so", False, "/usr/lib/libz.so"),
        ("/lib/libz.so", True, "/usr/lib/libz.so.1"),
        ("/lib", False, "/lib"),
        ("/lib/../../x/./y", False, "/x/y"),
        ("/", False, "/"),
    ],
)
def test_symlinks(path: str, follow: bool, end: str) -> None:
    assert resolve_links(path, ENTRIES, follow=follow) == end


def test_a_circle_of_symlinks_ends() -> None:
    assert resolve_links("/a/x", ENTRIES, follow=True).count("/") < MAX_LINKS


def test_a_long_chain_ends() -> None:
    many = image(*(entry(f"/{number}", ("library", f"/{number + 1}", "DT_NEEDED x")) for number in range(5000)))
    assert [step.path for step in find_chain("/0", many)] == ["/0"]
