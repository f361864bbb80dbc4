"""The words of `pack` in an image, and the static analysis of the files that they match."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.plan import FilePlan
from docker_slim_plugin.resolve import requested_paths
from docker_slim_plugin.resolve.elf import elf_file as elves
from docker_slim_plugin.resolve.elf import static_needs
from docker_slim_plugin.resolve.elf.loader import Loader
from docker_slim_plugin.resolve.elf.static_needs import StaticNeeds
from tests.elves import GLIBC, elf
from tests.rootfs import rootfs
from tests.unit.resolve.test_plan import files, plan, reasons

PATH = ("/usr/local/bin", "/usr/bin")
TREE: dict[str, Any] = {
    "/bin": "-> usr/bin",
    "/usr/bin/app": "#!/bin/sh",
    "/usr/bin/app.d/readme": "",
    "/usr/local/bin/app": "not executable",
    "/usr/bin/sh": "-> dash",
    "/usr/bin/dash": elf(),
    "/usr/sbin/daemon": elf(),
    "/srv/www/index.html": "",
    "/srv/www/img/a.png": "",
    "/srv/www/up": "-> ..",
    "/loop": "-> pool",
    "/pool": "-> loop",
    "/etc/app/a.conf": "",
}


@pytest.mark.parametrize(
    ("word", "needs"),
    [
        pytest.param("app", ["/usr/bin/app"], id="a program by its name, the first in PATH that is one"),
        pytest.param("sh", ["/usr/bin/dash", "/usr/bin/sh"], id="a program that is a link is taken under its name"),
        pytest.param("/bin/dash", ["/usr/bin/dash"], id="a path through a link"),
        pytest.param(
            "/srv/www/",
            ["/srv/www", "/srv/www/img", "/srv/www/img/a.png", "/srv/www/index.html", "/srv/www/up"],
            id="a directory and all below, its loops not followed",
        ),
        pytest.param("/**/*.conf", ["/etc/app/a.conf"], id="a pattern"),
        pytest.param("*.png", ["/srv/www/img/a.png"], id="a pattern without a place"),
    ],
)
def test_requested_words(word: str, needs: list[str]) -> None:
    found = requested_paths.find_requested(rootfs(TREE), [word], PATH)
    assert sorted(need.path for need in found.needs) == needs
    assert {need.reason.by for need in found.needs} == {"pack"}
    assert found.warnings == []


def test_a_dangling_symlink_is_kept_with_a_warning() -> None:
    found = requested_paths.find_requested(rootfs(TREE), ["/loop"], PATH)
    assert [need.path for need in found.needs] == ["/loop"]
    assert found.warnings == ["'/loop' is a link that leads nowhere in the image"]


@pytest.mark.parametrize(("name", "hint"), [("daemon", "/usr/sbin/daemon"), ("dahs", "/usr/bin/dash")])
def test_a_missing_program_is_an_error_with_similar_programs(name: str, hint: str) -> None:
    with pytest.raises(SlimError, match="it is not in the PATH of the image") as raised:
        requested_paths.find_requested(rootfs(TREE), ["app", name], PATH)
    assert raised.value.hint == hint


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("/usr/bin/daemon", "/usr/sbin/daemon"),
        ("/srv/www/indx.html", "/srv/www/index.html"),
        ("/srv/wwww/index.htm", "/srv/www"),
        ("/none", "a pattern: '**/*none*'"),
        ("/srv/*.txt", "'*' stays within one directory, '**' crosses any number of them"),
    ],
)
def test_a_missing_path_is_an_error_with_similar_paths(word: str, hint: str) -> None:
    with pytest.raises(SlimError, match="it is not in the image") as raised:
        requested_paths.find_requested(rootfs(TREE), ["app", word], PATH)
    assert raised.value.hint == hint


def compiled(directory: Path, body: str, *options: str) -> bytes:
    """Return a compiled program that calls the functions in `body`."""
    source = directory / "p.c"
    source.write_text(body)
    subprocess.run(["gcc", "-w", "-o", directory / "p", source, *options], check=True, capture_output=True)
    return (directory / "p").read_bytes()


CALLS = """
#include <pwd.h>
#include <dlfcn.h>
#include <iconv.h>
int main(void) { getpwnam("nobody"); dlopen("x", 1); return iconv_open("a", "b") == 0; }
"""


def topics(data: bytes) -> frozenset[str]:
    tree = rootfs({"/p": data})
    return StaticNeeds(tree, Loader(tree)).topics_of(RootPath("/p"))


@pytest.mark.parametrize("option", ["-pie", "-no-pie", "-rdynamic", "-Wl,--hash-style=sysv", "-m64"])
def test_topics_of_a_dynamic_program(tmp_path: Path, option: str) -> None:
    data = compiled(tmp_path, CALLS, option)
    assert topics(data) == {"users", static_needs.PLUGINS, "charsets"}
    listed = subprocess.run(["nm", "-D", "--undefined-only", tmp_path / "p"], check=True, capture_output=True, text=True)
    names = {line.split()[-1].partition("@")[0] for line in listed.stdout.splitlines()}
    with (tmp_path / "p").open("rb") as file:
        assert elves.read_imports(file) == names


def test_topics_of_a_static_program(tmp_path: Path) -> None:
    quiet = topics(compiled(tmp_path, "int main(void) { return 0; }", "-static"))
    assert "users" not in quiet
    assert {"users", "hosts"} <= topics(compiled(tmp_path, CALLS.replace('dlopen("x", 1);', ""), "-static"))


def test_a_text_across_two_blocks_is_found() -> None:
    assert static_needs._find_literals([b"x" * 90 + b"/etc/ns", b"switch.conf" + b"y" * 90]) == {b"/etc/nsswitch.conf"}


def test_an_invalid_file_has_no_imports(tmp_path: Path) -> None:
    data = bytearray(compiled(tmp_path, CALLS))
    file = tmp_path / "broken"
    for at in range(0, 2000, 7):
        data[at] ^= 0xFF
        file.write_bytes(data)
        with file.open("rb") as opened:
            assert isinstance(elves.read_imports(opened), frozenset)


def pack_plan(tree: dict[str, Any], *words: str, **selection: Any) -> FilePlan:
    return plan(tree, requested=words, **({"hints_off": frozenset({"pkgdb"})} | selection))


SYSTEM: dict[str, Any] = {
    "/lib64/ld-linux-x86-64.so.2": elf(),
    "/lib/x86_64-linux-gnu/libc.so.6": elf(soname="libc.so.6"),
    "/lib/x86_64-linux-gnu/libnss_files.so.2": elf("libc.so.6"),
    "/lib/x86_64-linux-gnu/libnss_sss.so.2": elf("libc.so.6"),
    "/etc/nsswitch.conf": "passwd: files sss\n",
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\n",
    "/etc/ssl/certs/ca-certificates.crt": "CA",
    "/opt/empty/": "",
    "/var/log/app/": "",
    "/tmp/": "",
    "/usr/bin/script": "#!/usr/bin/env tool\n",
    "/usr/bin/env": elf("libc.so.6", interpreter=GLIBC),
    "/usr/bin/tool": elf("libc.so.6", interpreter=GLIBC),
}


def test_a_program_that_uses_nss_gets_all_its_files(tmp_path: Path) -> None:
    found = pack_plan({**SYSTEM, "/usr/bin/p": compiled(tmp_path, CALLS)}, "p")
    assert {"/usr/bin/p", GLIBC, "/etc/passwd", "/etc/nsswitch.conf"} <= set(files(found))
    assert "/lib/x86_64-linux-gnu/libnss_sss.so.2" in files(found), "no run says that it is not used"
    assert reasons(found, "/usr/bin/p")[0].by == "pack"
    assert any("/usr/bin/p can load files by name" in warning for warning in found.warnings)
    assert any("users and groups (nss)" in note for note in found.notes)


def test_warns_about_what_a_disabled_preset_covers(tmp_path: Path) -> None:
    found = pack_plan({**SYSTEM, "/usr/bin/p": compiled(tmp_path, CALLS)}, "p", hints_off=frozenset({"nss"}))
    assert any("users and groups, and --no-hint nss leaves that out" in warning for warning in found.warnings)
    bare = pack_plan({"/usr/bin/p": compiled(tmp_path, CALLS, "-static")}, "p")
    assert any("users and groups, and the image has none (passwd)" in warning for warning in bare.warnings)
    assert "/usr/bin/p is static: it needs no libraries and no loader" in bare.notes


def test_certificates_for_a_static_program_that_knows_where_they_are() -> None:
    program = elf() + b"/etc/ssl/certs/ca-certificates.crt\0"
    assert "/etc/ssl/certs/ca-certificates.crt" in files(pack_plan({**SYSTEM, "/usr/bin/p": program}, "p"))
    assert "/etc/ssl/certs/ca-certificates.crt" not in files(pack_plan({**SYSTEM, "/usr/bin/p": elf()}, "p"))


def test_a_script_adds_its_interpreter_and_a_warning() -> None:
    found = pack_plan(SYSTEM, "script")
    assert {"/usr/bin/script", "/usr/bin/env", "/usr/bin/tool"} <= set(files(found))
    assert any("/usr/bin/script: a script may load" in warning for warning in found.warnings)


def test_warns_about_a_missing_library_of_a_requested_program() -> None:
    found = pack_plan({**SYSTEM, "/usr/bin/p": elf("libnone.so", interpreter=GLIBC)}, "p")
    assert "'/usr/bin/p' needs 'libnone.so', which the image does not have" in found.warnings


def test_a_sparse_tree_has_parents_and_writable_directories() -> None:
    kept = set(pack_plan(SYSTEM, "tool").by_path())
    assert {"/", "/usr", "/usr/bin", "/var", "/var/log", "/var/log/app", "/tmp"} <= kept
    assert "/opt" not in kept
