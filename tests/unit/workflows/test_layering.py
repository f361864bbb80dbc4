"""A plan on a base image: equal entries are not written again, and other entries of the base stay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.image.context import ContextBase, make_dockerfile
from docker_slim_plugin.image.layers import split_layers
from docker_slim_plugin.image.merged_layers import keep_all
from docker_slim_plugin.image.parent import BaseImage
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.plan import FilePlan, Group, ReasonKind
from docker_slim_plugin.rootfs.index import Rootfs
from docker_slim_plugin.workflows.steps.layering import Extras, complete_plan, place_on_base
from tests import rpmdb
from tests.directly import DIRECTLY
from tests.observed import source_image
from tests.rootfs import rootfs
from tests.unit.resolve.packages.test_ownership import DPKG
from tests.unit.resolve.test_busybox import BUSYBOX
from tests.unit.resolve.test_plan import NO_HINTS, Tree, plan

IMAGE = source_image(reference="common:1")
DEBIAN = "ID=debian\nVERSION_ID='12'\n"
SOURCE: Tree = {"/etc/os-release": DEBIAN, "/lib/libc": "libc", "/opt/app": "app", "/etc/conf": "mine", "/old": "-> x"}
BASE: Tree = {"/etc/os-release": DEBIAN, "/lib/libc": "libc", "/etc/conf": "its", "/etc/more": "more", "/old/below": "x"}


def base_image(tree: Tree) -> BaseImage:
    return BaseImage(image=IMAGE, rootfs=rootfs(tree), blobs=(), history=())


def plan_on_base(source: Tree, base: Tree, **selection: Any) -> FilePlan:
    every = [path.rstrip("/") for path in source]
    return place_on_base(plan(source, keep=tuple(every), **selection), rootfs(source), base_image(base), DIRECTLY)


def written_paths(found: FilePlan) -> set[str]:
    return {kept.entry.path for _, layer in split_layers(found) for kept in layer}


def test_only_what_differs_is_written() -> None:
    found = plan_on_base(SOURCE, BASE)
    kept = found.by_path()
    assert found.base == "common:1"
    assert written_paths(found) == {"/", "/opt", "/opt/app", "/etc", "/etc/conf", "/old"}
    assert kept[RootPath("/lib/libc")].group is Group.COMMON
    assert [reason.kind for reason in kept[RootPath("/lib/libc")].reasons] == [ReasonKind.BASE, ReasonKind.KEEP]
    assert kept[RootPath("/etc/more")].reasons[0].detail == "stays"
    assert "/old/below" not in kept, "a link lies over the directory now"
    assert {entry.path for entry in found.files()} == {"/etc/os-release", "/lib/libc", "/opt/app", "/etc/conf", "/old"}


@pytest.mark.parametrize(
    ("change", "again"),
    [
        pytest.param({"mode": 0o600}, True, id="mode"),
        pytest.param({"uid": 1}, True, id="owner"),
        pytest.param({"mtime_ns": 1}, True, id="time"),
        pytest.param({"xattrs": (("user.x", b"1"),)}, True, id="attributes"),
        pytest.param({"inode": 7, "links": 2}, False, id="other names are no difference"),
    ],
)
def test_metadata_counts(change: dict[str, Any], again: bool) -> None:
    tree = rootfs({"/f": "same"})
    entry = replace(tree.entries[RootPath("/f")], **change)
    other = Rootfs.of([tree.entries[RootPath("/")], entry], tree.reader)
    found = place_on_base(plan({"/f": "same"}, "/f"), tree, BaseImage(image=IMAGE, rootfs=other, blobs=(), history=()), DIRECTLY)
    assert ("/f" in written_paths(found)) is again


def test_directory_times_alone_make_no_layer() -> None:
    tree: Tree = {"/d/": "", "/e/": ""}
    base = rootfs(tree)
    entries = [replace(entry, mtime_ns=5) for entry in base.entries.values()]
    entries[1] = replace(entries[1], mode=0o700)
    other = BaseImage(image=IMAGE, rootfs=Rootfs.of(entries, base.reader), blobs=(), history=())
    # Its parent is written too, because docker would give it the current time.
    assert written_paths(place_on_base(plan(tree), rootfs(tree), other, DIRECTLY)) == {"/", entries[1].path}


def test_a_new_directory_is_written_with_its_parents() -> None:
    found = plan_on_base({"/a/b/new/": "", "/a/other/": ""}, {"/a/b/": "", "/a/other/": ""})
    assert written_paths(found) == {"/", "/a", "/a/b", "/a/b/new"}


def test_a_base_of_another_distribution_is_not_used_with_a_warning() -> None:
    other = {**BASE, "/etc/os-release": "ID=alpine\nVERSION_ID=3.20\n"}
    found = plan_on_base(SOURCE, other)
    assert found.base == ""
    assert not any(kept.group is Group.COMMON for kept in found.kept)
    assert found.warnings[-1] == (
        "the base common:1 is alpine 3.20, the image debian 12: nothing can be shared, so the base is not used"
    )


def test_a_base_without_os_release_is_used() -> None:
    assert plan_on_base(SOURCE, {"/lib/libc": "libc"}).base == "common:1"


def test_the_package_database_has_the_packages_of_the_base() -> None:
    base = {**DPKG, "/etc/os-release": DEBIAN}
    status = "/var/lib/dpkg/status"
    text = str(DPKG[status])
    mine = {**base, status: text.rstrip() + "\n\nPackage: mine\nStatus: install ok installed\nArchitecture: amd64\n\n",
            "/var/lib/dpkg/info/mine.list": "/opt/app\n", "/opt/app": "app"}  # fmt: skip
    found = place_on_base(plan(mine, "/opt/app", hints_off=frozenset()), rootfs(mine), base_image(base), DIRECTLY)
    content = found.by_path()[RootPath(status)].content
    assert content is not None
    assert b"Package: mine\n" in content
    assert {line for line in text.encode().split(b"\n") if line.startswith(b"Package: ")} <= set(content.split(b"\n"))
    assert content.count(b"Package: mine\n") == 1


def stanza(name: str, version: str, *more: str) -> str:
    return "\n".join((f"Package: {name}", "Status: install ok installed", f"Version: {version}", *more, "", ""))


LIBC = ("Architecture: amd64", "Multi-Arch: same", "Description: libc", " A long one.")
FULL = stanza("libc6", "1", *LIBC) + stanza("tzdata", "1", "Architecture: all") + stanza("more", "1", "Architecture: all")


@pytest.mark.parametrize(
    ("version", "lists", "expected"),
    [
        pytest.param("1", True, ["libc6 1 long", "tzdata 1", "more 1", "mine 1"], id="a whole base says as much or more"),
        pytest.param("1", False, ["libc6 1 long", "tzdata 1", "more 1", "mine 1"], id="a base without lists of files"),
        pytest.param("2", True, ["libc6 2", "tzdata 2", "more 1", "mine 1"], id="another version lies above"),
    ],
)
def test_no_package_is_in_the_database_twice(version: str, *, lists: bool, expected: list[str]) -> None:
    status, info = "/var/lib/dpkg/status", "/var/lib/dpkg/info"
    files: Tree = {"/lib/libc": "libc", "/usr/share/zoneinfo/UTC": "utc", "/opt/app": "app"}
    named = {"libc6:amd64": "/lib/libc", "tzdata": "/usr/share/zoneinfo/UTC", "mine": "/opt/app"}
    listing: Tree = {f"{info}/{name}.list": f"{path}\n" for name, path in named.items()}
    texts = stanza("libc6", version, *LIBC), stanza("tzdata", version, "Architecture: all"), stanza("mine", "1")
    source: Tree = {**files, **listing, status: "".join(texts)}
    base: Tree = {**files, **(listing if lists else {}), status: FULL}
    found = place_on_base(plan(source, *files, hints_off=frozenset()), rootfs(source), base_image(base), DIRECTLY)
    content = found.by_path()[RootPath(status)].content
    assert content is not None
    said = [part.splitlines() for part in content.decode().split("\n\n") if part]
    assert [
        f"{lines[0][9:]} {lines[2][9:]}{' long' if ' A long one.' in lines else ''}" for lines in said
    ] == expected


def test_a_database_equal_to_the_base_is_not_written() -> None:
    status = "/var/lib/dpkg/status"
    base = {**DPKG, "/etc/os-release": DEBIAN, status: f"{DPKG[status]}\n"}
    found = place_on_base(plan(base, "/lib/libc.so.6", hints_off=frozenset()), rootfs(base), base_image(base), DIRECTLY)
    kept = found.by_path()[RootPath(status)]
    assert (kept.group, kept.content) == (Group.COMMON, None)
    assert written_paths(found) == set()


def test_a_shell_replaces_nothing_of_the_base() -> None:
    base = {**BASE, "/bin/sh": "its own"}
    found = complete_plan(plan(SOURCE, "/opt/app"), rootfs(SOURCE), Extras(base_image(base), BUSYBOX), DIRECTLY)
    assert found.by_path()[RootPath("/bin/sh")].group is Group.COMMON
    assert found.by_path()[RootPath("/bin/ls")].group is Group.SHELL


def test_a_dockerfile_resets_settings_of_the_base() -> None:
    base = ContextBase("common:1", {"Cmd": ["bash"], "User": "www", "Env": ["A=1", "B=\n"], "ExposedPorts": {"80/tcp": {}}})
    lines = make_dockerfile(["app"], {"Env": ["A=2"], "Entrypoint": ["/x"]}, base)
    assert "FROM common:1" in lines
    assert lines.index("CMD []") < lines.index('ENTRYPOINT ["/x"]')
    assert {"USER 0", "ENV A=2", "# stays, from the base image: 'ENV B=\\n'"} <= set(lines)
    assert "# stays, from the base image: 'EXPOSE 80/tcp'" in lines


def test_hard_links_of_the_base_are_its_own() -> None:
    one = Entry(path=RootPath("/a"), kind=EntryKind.FILE, mode=0o644, size=4, inode=9, links=2)
    two = replace(one, path=RootPath("/b"))
    tree = rootfs({"/a": "same", "/b": "same"})
    source = Rootfs.of([tree.entries[RootPath("/")], one, two], tree.reader)
    base = Rootfs.of([tree.entries[RootPath("/")], replace(one, inode=3), replace(two, inode=3)], tree.reader)
    found = place_on_base(plan({"/a": "same"}, "/a"), source, BaseImage(image=IMAGE, rootfs=base, blobs=(), history=()), DIRECTLY)
    inodes = {kept.entry.path: kept.entry.inode for kept in found.kept if kept.entry.kind is EntryKind.FILE}
    assert inodes == {"/a": 3, "/b": 3}


def plan_with_metadata_on_base(source: Tree, base: Tree, *kept: str) -> FilePlan:
    return place_on_base(plan(source, *kept, hints_off=NO_HINTS - {"pkgdb"}), rootfs(source), base_image(base), DIRECTLY)


def test_file_lists_of_a_package_in_both_have_the_files_of_both() -> None:
    info = "/var/lib/dpkg/info"
    base = {**DPKG, "/usr/bin/old": "x", f"{info}/bash.list": "/.\n/bin/bash\n/usr/bin/old\n", f"{info}/bash.md5sums": "0" * 32 + "  bin/bash\n"}
    mine = {**DPKG, f"{info}/bash.list": "/.\n/etc/bash.bashrc\n/bin/bash\n", f"{info}/bash.md5sums": "1" * 32 + "  bin/bash\n"}
    found = plan_with_metadata_on_base(mine, base, "/bin/bash", "/etc/bash.bashrc").by_path()
    assert found[RootPath(f"{info}/bash.list")].content == b"/.\n/bin/bash\n/usr/bin/old\n/etc/bash.bashrc\n"
    assert found[RootPath(f"{info}/bash.md5sums")].content is None, "as it is in the image above"
    assert found[RootPath(f"{info}/nginx.list")].group is Group.COMMON
    status = found[RootPath("/var/lib/dpkg/status")].content or b""
    assert [line for line in status.split(b"\n") if line.startswith(b"Package: ")] == [b"Package: bash", b"Package: libc6", b"Package: nginx"]


def test_content_equal_to_the_base_is_not_written() -> None:
    tree = {**DPKG, "/var/lib/dpkg/status": f"{str(DPKG['/var/lib/dpkg/status']).rstrip()}\n\n"}
    assert written_paths(plan_with_metadata_on_base(tree, tree, "/bin/bash")) == set()


@pytest.mark.parametrize("damaged", [False, True])
def test_an_rpm_database_has_the_packages_of_both(damaged: bool) -> None:
    place = "/var/lib/rpm/rpmdb.sqlite"
    base: Tree = {"/usr/bin/b": "x", place: b"no database" if damaged else rpmdb.database({"b": ["/usr/bin/b"]})}
    mine: Tree = {"/usr/bin/a": "x", "/usr/bin/c": "x", place: rpmdb.database({"a": ["/usr/bin/a"], "c": ["/usr/bin/c"]})}
    found = plan_with_metadata_on_base(mine, base, "/usr/bin/a")
    content = found.by_path()[RootPath(place)].content
    assert content is not None
    assert rpmdb.rows(content)["Name"] == (["a"] if damaged else ["a", "b"])
    assert [warning[:36] for warning in found.warnings] == (["the package databases of image and b"] if damaged else [])


class HostileSandbox:
    """A sandbox that returns arbitrary metadata for image and base."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents = contents

    def call(self, function: Any, *arguments: Any, **named: Any) -> Any:
        return (self.contents, ()) if function.__name__ == "merge_metadata" else function(*arguments, **named)


@pytest.mark.parametrize("path", ["/etc/conf", "/lib/libc", "/opt/app", "/none", "/etc"])
def test_only_metadata_gets_new_content(path: str) -> None:
    foreign = HostileSandbox({path: b"root::0:0::/:/bin/sh\n"})
    with pytest.raises(SlimError, match="cannot use the plan for the image"):
        place_on_base(plan(SOURCE, keep=("/**",)), rootfs(SOURCE), base_image(BASE), foreign)


def linked(path: str, inode: int) -> Entry:
    return Entry(path=RootPath(path), kind=EntryKind.FILE, mode=0o644, size=4, inode=inode, links=2)


@pytest.mark.parametrize(
    ("inodes", "below", "again"),
    [
        pytest.param((1, 1), (2, 2), False, id="one file in both"),
        pytest.param((1, 3), (2, 4), False, id="two files in both"),
        pytest.param((1, 3), (2, 2), True, id="one file in the base only"),
        pytest.param((1, 1), (2, 4), True, id="one file in the image only"),
    ],
)
def test_names_of_one_file_stay_of_one_file(inodes: tuple[int, int], below: tuple[int, int], again: bool) -> None:
    plain = rootfs({"/a": "same", "/b": "same"})
    top = plain.entries[RootPath("/")]

    def tree(numbers: tuple[int, int]) -> Rootfs:
        return Rootfs.of([top, *(linked(path, number) for path, number in zip(("/a", "/b"), numbers, strict=True))], plain.reader)

    source = tree(inodes)
    made = FilePlan(kept=keep_all(source), total_files=2, total_bytes=8)
    found = place_on_base(made, source, BaseImage(image=IMAGE, rootfs=tree(below), blobs=(), history=()), DIRECTLY)
    assert ({"/a", "/b"} <= written_paths(found)) is again
