"""Read one ELF file, and search for libraries."""

from __future__ import annotations

import io
import random
import time

import pytest

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.resolve.elf import elf_file as elves
from docker_slim_plugin.resolve.elf.loader import Closure, Loader
from tests.elves import AARCH64, GLIBC, I386, elf
from tests.rootfs import rootfs

Tree = dict[str, str | bytes]
LIBC: Tree = {"/lib64/ld-linux-x86-64.so.2": elf(), "/lib/x86_64-linux-gnu/libc.so.6": elf(soname="libc.so.6")}


def closure(tree: Tree, path: str = "/p", library_path: tuple[str, ...] = ()) -> Closure:
    return Loader(rootfs(tree), library_path).closure(RootPath(path))  # type: ignore[arg-type]


def paths(tree: Tree, path: str = "/p", library_path: tuple[str, ...] = ()) -> list[str]:
    return sorted({need.path for need in closure(tree, path, library_path).needs})


def program(*needed: str, rpath: str = "", runpath: str = "") -> bytes:
    return elf(*needed, interpreter=GLIBC, rpath=rpath, runpath=runpath)


def test_read() -> None:
    found = elves.read(io.BytesIO(elf("liba.so", "libb.so", interpreter="/lib/ld.so", runpath="/x:$ORIGIN/y")))
    assert found.needed == ("liba.so", "libb.so")
    assert found.interpreter == "/lib/ld.so"
    assert found.runpath == ("/x", "$ORIGIN/y")
    assert found.abi == (64, "little", "EM_X86_64")


def test_read_32_bits() -> None:
    found = elves.read(io.BytesIO(elf("liba.so", soname="me", bits=32, machine=I386)))
    assert (found.needed, found.soname, found.abi) == (("liba.so",), "me", (32, "little", "EM_386"))


def test_runpath_hides_rpath() -> None:
    assert elves.read(io.BytesIO(elf("a", rpath="/r", runpath="/run"))).rpath == ()


def test_malformed_files_never_raise_anything_else() -> None:
    whole = elf("liba.so", interpreter=GLIBC, soname="me", runpath="/x")
    chance = random.Random(1)
    samples = [whole[:length] for length in range(len(whole))]
    for _ in range(2000):
        sample = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            sample[chance.randrange(4, len(sample))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        samples.append(bytes(sample))
    for sample in samples:
        try:
            elves.read(io.BytesIO(sample))
        except elves.MalformedElf:
            continue


def test_a_malformed_file_is_remembered_with_its_fault() -> None:
    loader = Loader(rootfs({"/p": b"\x7fELF\2\1\1"}))
    assert loader.elf(RootPath("/p")) is None
    assert "/p" in loader.malformed


@pytest.mark.parametrize(
    ("tree", "found"),
    [
        pytest.param(
            {"/p": program("libc.so.6")},
            ["/lib/x86_64-linux-gnu/libc.so.6", GLIBC],
            id="the interpreter and the default directories",
        ),
        pytest.param({"/p": elf()}, [], id="a static program needs nothing"),
        pytest.param(
            {"/p": program("liba.so"), "/lib/liba.so": elf("libb.so"), "/usr/lib/libb.so": elf("liba.so")},
            ["/lib/liba.so", "/usr/lib/libb.so", GLIBC],
            id="a circle of libraries ends",
        ),
        pytest.param(
            {"/opt/p": "", "/p": program("liba.so", runpath="$ORIGIN/l:/opt"), "/l/liba.so": elf()},
            ["/l/liba.so", GLIBC],
            id="$ORIGIN",
        ),
        pytest.param(
            {"/p": program("liba.so", runpath="/r"), "/r/liba.so": elf("libb.so"), "/r/libb.so": elf()},
            ["/r/liba.so", GLIBC],
            id="RUNPATH is for direct dependencies only",
        ),
        pytest.param(
            {"/p": program("liba.so", rpath="/r"), "/r/liba.so": elf("libb.so"), "/r/libb.so": elf()},
            ["/r/liba.so", "/r/libb.so", GLIBC],
            id="RPATH is inherited",
        ),
        pytest.param(
            {
                "/p": program("liba.so", rpath="/r"),
                "/r/liba.so": elf("libb.so", runpath="/x"),
                "/r/libb.so": elf(),
            },
            ["/r/liba.so", GLIBC],
            id="a RUNPATH ends the inheritance",
        ),
        pytest.param(
            {
                "/p": program("liba.so"),
                "/etc/ld.so.conf": "include /etc/c.d/*.conf # more\n",
                "/etc/c.d/a.conf": "/opt/l\n",
                "/etc/ld.so.cache": "binary",
                "/opt/l/liba.so": elf(),
            },
            ["/etc/ld.so.cache", "/opt/l/liba.so", GLIBC],
            id="ld.so.conf and what it includes",
        ),
        pytest.param(
            {
                "/p": program("liba.so", rpath="/32:/arm:/text"),
                "/32/liba.so": elf(bits=32, machine=I386),
                "/arm/liba.so": elf(machine=AARCH64),
                "/text/liba.so": "INPUT(libx.so)",
                "/lib/liba.so": elf(),
            },
            ["/lib/liba.so", GLIBC],
            id="other machines' libraries are passed over",
        ),
        pytest.param(
            {
                "/p": program("liba.so"),
                "/lib/liba.so": elf(),
                "/lib/glibc-hwcaps/x86-64-v3/liba.so": elf("libz.so"),
                "/lib/libz.so": elf(),
            },
            ["/lib/glibc-hwcaps/x86-64-v3/liba.so", "/lib/liba.so", "/lib/libz.so", GLIBC],
            id="hwcaps variants are kept beside the plain one",
        ),
        pytest.param(
            {"/p": program("liba.so.1", "/x/libfull.so"), "/x/libfull.so": elf(), "/lib/liba.so.1": elf()},
            ["/lib/liba.so.1", "/x/libfull.so", GLIBC],
            id="a name with a slash is a path",
        ),
        pytest.param(
            {"/p": program("/x/a.so", "liba.so.1"), "/x/a.so": elf(soname="liba.so.1"), "/lib/liba.so.1": elf()},
            ["/x/a.so", GLIBC],
            id="a SONAME that is mapped already is not looked for",
        ),
        pytest.param(
            {"/p": program("liba.so", runpath="/opt/$LIB"), "/opt/lib/x86_64-linux-gnu/liba.so": elf()},
            ["/opt/lib/x86_64-linux-gnu/liba.so", GLIBC],
            id="$LIB",
        ),
    ],
)
def test_closure(tree: Tree, found: list[str]) -> None:
    assert paths(LIBC | tree) == sorted(found)


def test_origin_is_where_the_library_was_found_not_where_its_link_leads() -> None:
    tree: Tree = {
        "/p": program("liba.so", rpath="/app"),
        "/app/liba.so": "-> /store/liba.so",
        "/store/liba.so": elf("libb.so", runpath="$ORIGIN"),
        "/app/libb.so": elf(),
    }
    assert "/app/libb.so" in paths(tree)


def test_musl() -> None:
    loader = "/lib/ld-musl-x86_64.so.1"
    tree: Tree = {
        "/p": elf("liba.so", "libc.musl-x86_64.so.1", interpreter=loader, runpath="/r"),
        loader: elf(),
        "/etc/ld-musl-x86_64.path": "/opt/m:/usr/lib\n",
        "/r/liba.so": elf("libb.so", "libd.so"),
        "/r/libb.so": elf(),
        "/opt/m/libd.so": elf(),
    }
    found = closure(tree)
    assert sorted({need.path for need in found.needs}) == [
        "/etc/ld-musl-x86_64.path", loader, "/opt/m/libd.so", "/r/liba.so", "/r/libb.so",
    ]  # fmt: skip
    assert found.missing == ()


def test_library_path_of_the_image() -> None:
    tree: Tree = {"/p": program("liba.so"), "/a/liba.so": elf(), "/lib/liba.so": elf()}
    assert paths(tree, library_path=("/a",)) == ["/a/liba.so", GLIBC]


def test_missing_libraries_are_reported() -> None:
    assert closure({"/p": program("liba.so")}).missing == (("/p", GLIBC), ("/p", "liba.so"))


def test_hostile_configuration_and_programs_are_bounded() -> None:
    names = [f"lib{index}.so" for index in range(1000)]
    tree: Tree = {
        "/p": program(*names, rpath=":".join(f"/{index}" for index in range(500))),
        "/etc/ld.so.conf": "include /**/**/ld.so.conf\n" * 2000 + "include /etc/ld.so.conf\n",
    }
    # A generous limit of processor time: without bounds, this takes hours.
    begin = time.process_time()
    assert len(closure(tree).missing) > 100
    assert time.process_time() - begin < 60
