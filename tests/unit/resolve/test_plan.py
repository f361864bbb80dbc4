"""The whole fixpoint, from accesses to the plan."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.observation import Access, AccessKind, Origin, RunResult
from docker_slim_plugin.model.plan import FilePlan, Group, KeptEntry, Reason, ReasonKind, Selection
from docker_slim_plugin.resolve import image_config
from docker_slim_plugin.resolve.plan import resolve
from docker_slim_plugin.resolve.presets import PRESETS
from tests.elves import GLIBC, elf
from tests.observed import access, observations, source_image
from tests.rootfs import rootfs
from tests.unit.resolve.packages.test_ownership import DPKG

Tree = dict[str, str | bytes | Entry]
NO_HINTS = frozenset(PRESETS)


def plan(
    tree: Tree, *accesses: str | Access, config: dict[str, Any] | None = None, has_ended: bool = False, **selection: Any
) -> FilePlan:
    seen = tuple(access(item) if isinstance(item, str) else item for item in accesses)
    chosen = Selection(**({"hints_off": NO_HINTS} | selection))
    result = RunResult(exit_status=0 if has_ended else None)
    return resolve(rootfs(tree), observations(*seen, result=result), chosen, source_image(config))


def files(found: FilePlan) -> list[str]:
    return [kept.entry.path for kept in found.kept if kept.entry.kind is not EntryKind.DIRECTORY]


def reasons(found: FilePlan, path: str) -> tuple[Reason, ...]:
    return found.by_path()[RootPath(path)].reasons


@pytest.mark.parametrize(
    ("tree", "accesses", "kept"),
    [
        pytest.param({"/a": "", "/b": ""}, ["/a", "/gone"], ["/a"], id="what was named and exists"),
        pytest.param(
            {"/bin": "-> usr/bin", "/usr/bin/sh": "-> dash", "/usr/bin/dash": "x"},
            ["/bin/sh"],
            ["/bin", "/usr/bin/dash", "/usr/bin/sh"],
            id="links on the way",
        ),
        pytest.param({"/l": "-> gone", "/m": "-> gone"}, ["/l"], ["/l"], id="a dangling link that was named"),
        pytest.param({"/a": "-> b", "/b": "-> a"}, ["/a"], ["/a", "/b"], id="a loop of links"),
        pytest.param({"/d/f": "", "/e": "-> d"}, ["/d"], ["/e"], id="a directory brings no files; links to it stay"),
        pytest.param(
            {"/l": "-> f", "/f": "x"}, [access("/l", AccessKind.READLINK)], ["/f", "/l"], id="readlink keeps both"
        ),
        pytest.param({"/a\n\x1b": "", "/\udcff": ""}, ["/a\n\x1b", "/\udcff"], ["/a\n\x1b", "/\udcff"], id="odd names"),
        pytest.param({"/a": ""}, ["/" + "x/" * 1999 + "y"], [], id="4000 bytes"),
        pytest.param(
            {
                "/s": "#!/usr/bin/env -S tool -x\n",
                "/usr/bin/env": elf("liba.so", interpreter=GLIBC),
                "/usr/bin/tool": "#!/t2\n",
                "/t2": "#!/usr/bin/tool\n",
                GLIBC: elf(),
                "/lib/liba.so": elf(),
                "/lib/other.so": elf(),
            },
            ["/s"],
            ["/lib/liba.so", GLIBC, "/s", "/t2", "/usr/bin/env", "/usr/bin/tool"],
            id="interpreters and their libraries",
        ),
        pytest.param(
            {"/p": elf("liba.so", interpreter=GLIBC), GLIBC: elf(), "/lib/liba.so": elf(), "/s": "#!/p\n"},
            [access("/p", AccessKind.STAT), access("/s", AccessKind.STAT)],
            ["/p", "/s"],
            id="what was only looked at never ran",
        ),
        pytest.param(
            {"/p": elf("liba.so", interpreter=GLIBC), GLIBC: elf(), "/lib/liba.so": elf(), "/s": "#!/p\n"},
            [access("/p", AccessKind.STAT), access("/s", AccessKind.EXEC)],
            ["/lib/liba.so", GLIBC, "/p", "/s"],
            id="what was looked at, and is another's interpreter",
        ),
        pytest.param(
            {"/sh": "x", "/read.sample": "#!/perl\n", "/perl": elf()},
            [access("/sh", AccessKind.EXEC), "/read.sample"],
            ["/read.sample", "/sh"],
            id="a script that was read only",
        ),
    ],
)
def test_kept(tree: Tree, accesses: list[str | Access], kept: list[str]) -> None:
    assert files(plan(tree, *accesses)) == sorted(kept)


def test_reasons() -> None:
    tree: Tree = {"/bin": "-> usr/bin", "/usr/bin/p": elf("liba.so", interpreter=GLIBC), "/lib/liba.so": elf()}
    found = plan(tree, access("/bin/p", AccessKind.EXEC, argv0="/x/sh"))
    assert reasons(found, "/usr/bin/p") == (Reason(ReasonKind.ACCESS, "sh", "exec (ptrace)"),)
    assert Reason(ReasonKind.SYMLINK, "/bin/p", "link to usr/bin") in reasons(found, "/bin")
    assert reasons(found, "/lib/liba.so") == (Reason(ReasonKind.LIBRARY, "/usr/bin/p", "DT_NEEDED liba.so"),)
    assert reasons(found, "/lib") == (Reason(ReasonKind.DIRECTORY, "image", "directories stay"),)
    assert all(kept.reasons == tuple(sorted(kept.reasons)) for kept in found.kept)


def test_readlink_is_a_reason_for_the_link_itself() -> None:
    found = plan({"/l": "-> f", "/f": "x"}, access("/l", AccessKind.READLINK))
    assert Reason(ReasonKind.ACCESS, "app", "readlink (ptrace)") in reasons(found, "/l")


def test_order_and_pids_do_not_matter() -> None:
    tree: Tree = {f"/d{index}/f{index}": f"#!/i{index}\n" for index in range(20)} | {"/i1": "x", "/i2": "#!/i1\n"}
    seen = [access(path, argv0=f"p{number}") for path in tree for number in range(12)]
    first = plan(tree, *seen)
    chance = random.Random(3)
    for _ in range(5):
        chance.shuffle(seen)
        assert plan(tree, *(access(a.path, a.kind, a.process.argv0, chance.randrange(99)) for a in seen)) == first
    assert all(len(kept.reasons) <= 8 for kept in first.kept)


def test_documentation_directories_go_unless_something_is_in_them() -> None:
    tree: Tree = {"/usr/share/doc/a/x": "", "/usr/share/doc/b/x": "", "/usr/share/man/man1/": "", "/usr/share/i/": ""}
    found = plan(tree, "/usr/share/doc/a/x")
    assert [kept.entry.path for kept in found.kept] == [
        "/", "/usr", "/usr/share", "/usr/share/doc", "/usr/share/doc/a", "/usr/share/doc/a/x", "/usr/share/i",
    ]  # fmt: skip


def test_every_parent_is_in_the_plan() -> None:
    found = plan(DPKG, "/bin/bash", "/usr/share/doc/nginx/copyright")
    paths = [kept.entry.path for kept in found.kept]
    assert paths == sorted(paths)
    assert all(path == "/" or (path.rpartition("/")[0] or "/") in paths for path in paths)


@pytest.mark.parametrize(
    ("selection", "kept"),
    [
        ({"keep": ("/opt",)}, ["/opt/a/b", "/opt/c"]),
        ({"keep": ("/opt/*/b",)}, ["/opt/a/b"]),
        ({"keep": ("/opt/*",), "drop": ("/opt/a",)}, ["/opt/c"]),
        ({"keep": ("c",)}, ["/opt/c"]),
        ({"keep": ("/**/b",)}, ["/opt/a/b"]),
        ({"keep": ("/link/c",)}, ["/opt/c"]),
        ({"keep": ("/link",)}, ["/opt/a/b", "/opt/c"]),
        ({"keep": ("/opt",), "drop": ("/opt/**/b",)}, ["/opt/c"]),
        ({"keep": ("/opt",), "drop": ("/opt",)}, []),
    ],
)
def test_keep_and_drop(selection: dict[str, Any], kept: list[str]) -> None:
    found = plan({"/opt/a/b": "", "/opt/c": "", "/d": "", "/link": "-> opt"}, **selection)
    assert [path for path in files(found) if path != "/link"] == kept
    assert found.warnings == ()


def test_a_kept_program_adds_its_libraries_and_a_dropped_one_does_not() -> None:
    tree: Tree = {"/p": elf("liba.so", interpreter=GLIBC), GLIBC: elf(), "/lib/liba.so": elf()}
    assert files(plan(tree, keep=("/p",))) == ["/lib/liba.so", GLIBC, "/p"]
    assert files(plan(tree, "/p", keep=("/p",), drop=("/p",))) == []


def test_warns_about_patterns_that_match_nothing() -> None:
    found = plan({}, keep=("/a",), drop=("/b",), keep_packages=("c",), keep_all_of=("/d",))
    assert len(found.warnings) == 4


def test_whole_packages() -> None:
    assert "/usr/sbin/nginx" in files(plan(DPKG, keep_packages=("nginx",)))
    tree = DPKG | {"/usr/lib/nginx/mod": "x", "/var/lib/dpkg/info/nginx.list": "/usr/sbin/nginx\n/usr/lib/nginx/mod"}
    found = plan(tree, "/usr/sbin/nginx", keep_all_of=("nginx",))
    assert "/usr/lib/nginx/mod" in files(found)
    assert found.warnings == ()


def test_package_database_is_filtered() -> None:
    found = plan(DPKG, "/usr/sbin/nginx", hints_off=NO_HINTS - {"pkgdb"})
    status = found.by_path()[RootPath("/var/lib/dpkg/status")]
    assert status.content is not None
    assert status.content.startswith(b"Package: nginx\n")
    assert b"bash" not in status.content
    assert status.entry.size == len(status.content)
    assert (status.group, status.reasons[0].kind) == (Group.CONFIG, ReasonKind.GENERATED)


def test_documentation_keeps_no_package_in_the_database() -> None:
    found = plan(DPKG, "/usr/share/doc/nginx/copyright", hints_off=NO_HINTS - {"pkgdb"})
    assert found.by_path()[RootPath("/var/lib/dpkg/status")].content == b""


def test_a_database_that_the_app_reads_is_kept_whole() -> None:
    found = plan(DPKG, "/var/lib/dpkg/status", hints_off=NO_HINTS - {"pkgdb"})
    assert found.by_path()[RootPath("/var/lib/dpkg/status")].content is None
    assert len(found.warnings) == 1


def test_packages_and_groups() -> None:
    found = plan(DPKG, "/usr/sbin/nginx", "/lib/libc.so.6", "/app/main").by_path()

    def of(path: str) -> KeptEntry:
        return found[RootPath(path)]

    assert (of("/usr/sbin/nginx").package, of("/usr/sbin/nginx").group) == ("nginx", Group.RUNTIME)
    assert (of("/lib/libc.so.6").package, of("/lib/libc.so.6").group) == ("libc6", Group.BASE)
    assert (of("/app/main").package, of("/app/main").group) == ("", Group.APP)


def test_accessed_volumes_keep_all_their_content() -> None:
    tree: Tree = {"/data/a": "", "/data/d/b": "", "/var/data": "-> ../data", "/x": ""}
    config = {"Volumes": {"/var/data": {}}}
    assert files(plan(tree, "/x", config=config)) == ["/var/data", "/x"]
    assert files(plan(tree, "/var/data/new", config=config)) == ["/data/a", "/data/d/b", "/var/data"]


def test_warns_about_large_volumes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_config, "LARGE_VOLUME", 10)
    found = plan({"/data/a": "12345678901", "/data/b": ""}, "/data/b", config={"Volumes": {"/data": {}}})
    assert files(found) == ["/data/a", "/data/b"]
    assert len(found.warnings) == 1


def test_home_and_working_directory() -> None:
    tree: Tree = {"/usr/share/doc/home/": "", "/w/": "", "/etc/passwd": "me:x:5:5::/usr/share/doc/home:/bin/sh\n"}
    found = plan(tree, config={"User": "5:5", "WorkingDir": "/w"})
    assert reasons(found, "/w")[0].kind is ReasonKind.CONFIG
    assert reasons(found, "/usr/share/doc/home")[0].kind is ReasonKind.CONFIG


def test_warns_about_missing_libraries_of_executed_programs_only() -> None:
    tree: Tree = {"/p": elf("gone.so", interpreter=GLIBC), GLIBC: elf()}
    assert plan(tree, "/p").warnings == ()
    assert plan(tree, access("/p", AccessKind.EXEC)).warnings == (
        "'/p' needs 'gone.so', which the image does not have",
    )


def test_malformed_elf_is_a_warning_and_many_are_counted() -> None:
    tree: Tree = {f"/p{index}": b"\x7fELF" for index in range(50)}
    found = plan(tree, *tree)
    assert len(files(found)) == 50
    assert len(found.warnings) == 21


def test_library_of_a_program_is_not_looked_up_on_its_own_as_well() -> None:
    tree: Tree = {
        "/p": elf("liba.so", interpreter=GLIBC, rpath="/r"),
        "/r/liba.so": elf("libb.so"),
        "/r/libb.so": elf(),
        "/lib/libb.so": elf(),
        GLIBC: elf(),
    }
    assert files(plan(tree, "/p", "/r/liba.so")) == [GLIBC, "/p", "/r/liba.so", "/r/libb.so"]
    assert "/lib/libb.so" in files(plan(tree, "/r/liba.so"))


def test_totals_count_hard_links_once() -> None:
    one, two = (
        Entry(path=RootPath(path), kind=EntryKind.FILE, mode=0o644, size=5, inode=9, links=2) for path in ("/a", "/b")
    )
    found = plan({"/a": one, "/b": two, "/c": "123"}, "/c")
    assert (found.total_files, found.total_bytes) == (3, 8)


def test_200000_accesses_take_seconds_at_most() -> None:
    tree: Tree = {f"/d/f{index}": "x" for index in range(2000)}
    seen = [access(f"/d/f{index % 4000}", pid=index) for index in range(200_000)]
    begin = time.process_time()
    found = plan(tree, *seen)
    assert len(files(found)) == 2000
    assert time.process_time() - begin < 30


ALTERNATIVES: Tree = {
    "/usr/bin/awk": "-> /etc/alternatives/awk", "/etc/alternatives/awk": "-> /usr/bin/mawk", "/usr/bin/mawk": "#!/bin/sh",
    "/bin/sh": "-> dash", "/bin/dash": b"\x7fELF", "/bin/ash": "-> dash", "/usr/bin/nawk": "-> gawk", "/usr/bin/gawk": b"\x7fELF",
}  # fmt: skip


@pytest.mark.parametrize(
    ("origin", "kind", "kept"),
    [
        pytest.param(
            Origin.FANOTIFY,
            AccessKind.EXEC,
            ["/bin/dash", "/bin/sh", "/etc/alternatives/awk", "/usr/bin/awk", "/usr/bin/mawk"],
            id="run by nobody knows which name: all its links, but not those of its interpreter",
        ),
        pytest.param(
            Origin.INOTIFY,
            AccessKind.OPEN,
            ["/bin/dash", "/bin/sh", "/etc/alternatives/awk", "/usr/bin/awk", "/usr/bin/mawk"],
            id="opened, and may have been run",
        ),
        pytest.param(
            Origin.FANOTIFY,
            AccessKind.OPEN,
            ["/bin/dash", "/bin/sh", "/etc/alternatives/awk", "/usr/bin/awk", "/usr/bin/mawk"],
            id="opened, and no tracer tells by which name",
        ),
        pytest.param(Origin.PTRACE, AccessKind.EXEC, ["/bin/dash", "/bin/sh", "/usr/bin/mawk"], id="run by this name"),
    ],
)
def test_symlinks_to_files_that_only_fanotify_reported(origin: Origin, kind: AccessKind, kept: list[str]) -> None:
    interpreter = access("/bin/dash", kind, "mawk", 0, origin)
    found = plan(ALTERNATIVES, access("/usr/bin/mawk", kind, "mawk", 0, origin), interpreter)
    assert files(found) == kept


def test_symlinks_to_data_without_a_tracer() -> None:
    tree: Tree = {"/on/site": "-> ../sites/site", "/sites/site": "x"}
    seen = access("/sites/site", pid=0, origin=Origin.FANOTIFY)
    assert files(plan(tree, seen)) == ["/on/site", "/sites/site"]
    assert files(plan(tree, seen, access("/none"))) == ["/sites/site"]


def test_no_symlinks_to_files_that_were_also_traced() -> None:
    seen = (
        access("/usr/bin/mawk", AccessKind.EXEC, "mawk", 0, Origin.FANOTIFY),
        access("/etc/alternatives/awk", AccessKind.EXEC),
    )
    assert "/usr/bin/awk" not in files(plan(ALTERNATIVES, *seen))
