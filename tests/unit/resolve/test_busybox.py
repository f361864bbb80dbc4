"""A shell is added to a plan and replaces nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from docker_slim_plugin.image.layers import split_layers
from docker_slim_plugin.image.tar import write_layer
from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.model.plan import Busybox, FilePlan, Group, ReasonKind
from docker_slim_plugin.resolve.busybox import add_shell
from tests.elves import elf
from tests.rootfs import rootfs
from tests.unit.resolve.test_plan import Tree, plan

BUSYBOX = Busybox(
    content=b"busybox",
    mtime_ns=1_700_000_000 * 10**9,
    applets=("/bin/ls", "/bin/sh", "/sbin/ip", "/usr/bin/env", "/bin/busybox"),
    origin="a test",
)
MERGED: Tree = {"/bin": "-> usr/bin", "/usr/bin/app": elf(), "/usr/bin/ls": "#!/app", "/sbin": "a file", "/etc/x": ""}


def plan_with_shell(tree: Tree, *accesses: str) -> tuple[FilePlan, FilePlan]:
    before = plan(tree, *accesses)
    return before, add_shell(before, BUSYBOX)


def added_paths(before: FilePlan, after: FilePlan) -> dict[str, str]:
    paths = set(after.by_path()) - set(before.by_path())
    return {path: f"{kept.entry.kind} {kept.entry.target}" for path, kept in after.by_path().items() if path in paths}


def test_follows_links_and_skips_existing_paths() -> None:
    before, after = plan_with_shell(MERGED, "/bin/app", "/bin/ls", "/sbin", "/etc/x")
    assert added_paths(before, after) == {
        "/usr/bin/busybox": "file ",
        "/usr/bin/env": "link /usr/bin/busybox",
        "/usr/bin/sh": "link /usr/bin/busybox",
    }
    assert [kept for kept in after.kept if kept.group is not Group.SHELL] == list(before.kept)
    new = [kept for kept in after.kept if kept.group is Group.SHELL]
    assert {(reason.kind, reason.by) for kept in new for reason in kept.reasons} == {(ReasonKind.SHELL, "--shell")}
    assert "2 names are the image's own (/bin/ls, /sbin/ip)" in after.notes[-1]
    assert after.files() == before.files()


def test_an_empty_image_gets_its_directories() -> None:
    before, after = plan_with_shell({"/app": elf()}, "/app")
    assert {"/bin": "dir ", "/sbin": "dir ", "/sbin/ip": "link /bin/busybox"}.items() <= added_paths(before, after).items()


def test_the_images_own_busybox_stays() -> None:
    before, after = plan_with_shell({"/bin/busybox": elf(), "/bin/sh": "-> busybox"}, "/bin/busybox", "/bin/sh")
    new = added_paths(before, after)
    assert new["/.busybox/busybox"] == "file "
    assert new["/bin/ls"] == "link /.busybox/busybox"
    assert not {"/bin/sh", "/bin/busybox"} & set(new)


def test_warns_when_no_path_is_free() -> None:
    _, after = plan_with_shell({"/bin": "a file", "/.busybox": "a file"}, "/bin", "/.busybox")
    assert after.warnings[-1] == "no shell was added: /bin/busybox and /.busybox/busybox are taken"


def test_the_other_layers_are_the_same_without_it(tmp_path: Path) -> None:
    tree: Tree = {"/opt/app": elf(), "/etc/x": "x"}
    before, after = plan_with_shell(tree, "/opt/app", "/etc/x")
    source = rootfs(tree)

    def digests(planned: FilePlan) -> list[str]:
        return [write_layer(source, kept, group, tmp_path / group).blob.diff_id for group, kept in split_layers(planned)]

    with_it, without = digests(after), digests(before)
    assert with_it[:-1] == without
    assert len(with_it) == len(without) + 1
    names = {kept.entry.path for kept in split_layers(after)[-1][1]}
    assert {"/", "/bin", "/bin/sh"} <= names
    assert not {"/opt", "/opt/app"} & names


def test_a_shell_without_other_files_still_has_a_base_layer() -> None:
    nothing = FilePlan(kept=plan({}, "/").kept, total_files=0, total_bytes=0)
    assert [group for group, _ in split_layers(add_shell(nothing, BUSYBOX))] == [Group.BASE, Group.SHELL]


def test_links_are_links_only_to_what_is_added() -> None:
    _, after = plan_with_shell(MERGED, "/bin/app")
    links = [kept.entry for kept in after.kept if kept.group is Group.SHELL and kept.entry.kind is EntryKind.SYMLINK]
    assert {RootPath(link.target) for link in links} == {RootPath("/usr/bin/busybox")}
    assert add_shell(after, None) == after
    assert replace(after, notes=()) != after
