"""Modules beside those that were loaded, and logins."""

from __future__ import annotations

import time

import pytest

from docker_slim_plugin.model.observation import Access
from docker_slim_plugin.resolve.app_level import plugins
from tests.elves import GLIBC, elf
from tests.observed import execution
from tests.unit.resolve.app_level.test_rules import added, status
from tests.unit.resolve.test_plan import Tree

TRIPLET = "/usr/lib/x86_64-linux-gnu"
SERVER_STATUS = "".join(
    f"Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\nSource: {source}\n\n"
    for name, source in (("server-core", "suite"), ("server", "suite (1.2)"), ("other", "other"))
)


@pytest.mark.parametrize(
    ("directory", "kept"),
    [
        pytest.param("/usr/lib/nginx/modules", ["b.so", "c.so.1.2"], id="modules"),
        pytest.param("/opt/app/lib", ["b.so", "c.so.1.2"], id="of the app"),
        pytest.param("", ["b.so", "c.so.1.2"], id="in the root directory"),
        pytest.param("/usr/lib", [], id="libraries"),
        pytest.param(TRIPLET, [], id="libraries of an architecture"),
        pytest.param("/usr/local/lib64", [], id="local libraries"),
        pytest.param(f"{TRIPLET}/gconv", [], id="character sets"),
        pytest.param(f"{TRIPLET}/security", [], id="PAM"),
        pytest.param("/usr/lib/python3/dist-packages/x", [], id="Python"),
    ],
)
def test_plugins(directory: str, kept: list[str]) -> None:
    tree: Tree = {f"{directory}/{name}": elf() for name in ("a.so", "b.so", "c.so.1.2", "d.so.x", "e.txt", "sub/f.so")}
    assert added("plugins", tree, f"{directory}/a.so") == [f"{directory}/{name}" for name in kept]
    assert added("plugins", tree, f"{directory}/e.txt") == []


def test_many_bytes_of_modules_are_kept_by_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "MAX_DIRECTORY", 3)
    assert added("plugins", {"/p/a.so": "12", "/p/b.so": "34"}, "/p/a.so") == []
    assert added("plugins", {"/p/a.so": "12", "/p/b.so": "3"}, "/p/a.so") == ["/p/b.so"]


def test_lists_of_modules() -> None:
    place = f"{TRIPLET}/loaders/2.0"
    made = [f"{place}/loaders.cache", f"{place}/m/config6a"]
    tree: Tree = {
        f"{place}/m/a.so": elf(), f"{place}/m/b.so": elf(), **dict.fromkeys(made, "x"), f"{place}/m/README": "x", f"{place}/m/huge.cache": "x" * (257 << 10),
        f"{place}/m/owned.list": "x", f"{TRIPLET}/x.cache": "x", "/var/lib/dpkg/info/m.list": f"{place}/m/owned.list\n",
        "/var/lib/dpkg/status": status(m=""), "/usr/lib/p/c.so": elf(), "/usr/lib/x.cache": "x",
    }  # fmt: skip
    assert added("plugins", tree, f"{place}/m/a.so") == sorted([*made, f"{place}/m/b.so"])
    assert added("plugins", tree, "/usr/lib/p/c.so") == []


def test_modules_of_a_library_that_a_tool_can_load() -> None:
    tree: Tree = {
        "/app": elf("libmodules.so.1"), "/usr/lib/libmodules.so.1": elf(), "/usr/lib/modules/a.so": elf(), "/var/lib/dpkg/status": status(m=""),
        "/var/lib/dpkg/info/m.list": "/usr/lib/libmodules.so.1\n/usr/lib/modules/a.so\n",
    }  # fmt: skip
    assert added("plugins", tree, execution("/app")) == []
    assert added("plugins", tree, execution("/app"), has_ended=True) == ["/usr/lib/modules/a.so"]


SERVER: Tree = {
    "/usr/sbin/server": elf() + b"\0/usr/lib/server/plugin\0", "/usr/lib/server/plugin/a.so": elf(), "/usr/lib/server/plugin/b.so": elf(),
    "/usr/lib/other/c.so": elf(), "/var/lib/dpkg/status": SERVER_STATUS,
    "/var/lib/dpkg/info/server-core.list": "/usr/sbin/server\n",
    "/var/lib/dpkg/info/server.list": "/usr/lib/server/plugin/a.so\n/usr/lib/server/plugin/b.so\n",
    "/var/lib/dpkg/info/other.list": "/usr/lib/other/c.so\n",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        pytest.param({}, ["a.so", "b.so"], id="its own"),
        pytest.param({"/usr/sbin/server": elf() + b"\0/usr/lib/server/plugins\0"}, [], id="another name"),
        pytest.param({"/usr/sbin/server": elf() + b"\0/opt/x:/usr/lib/server/plugin\0"}, ["a.so", "b.so"], id="one of a list"),
        pytest.param({"/usr/sbin/server": elf() + b"\0/usr/lib/other\0"}, [], id="modules of another source"),
        pytest.param({"/usr/sbin/server": "#!/bin/sh\n# /usr/lib/server/plugin\n"}, [], id="a script"),
        pytest.param({"/usr/sbin/server": elf() + bytes((1 << 20) - 80) + b"/usr/lib/server/plugin/x\0"}, ["a.so", "b.so"], id="over the end of a block"),
    ],
)  # fmt: skip
def test_modules_whose_directory_a_program_names(change: Tree, kept: list[str]) -> None:
    found = added("plugins", SERVER | change, execution("/usr/sbin/server"))
    assert [path for path in found if path.endswith(".so")] == [f"/usr/lib/server/plugin/{name}" for name in kept]


def test_modules_whose_directory_a_library_of_a_tool_names() -> None:
    tree = SERVER | {
        "/usr/sbin/server": elf("libserver.so.1", interpreter=GLIBC), GLIBC: elf(), "/usr/lib/libserver.so.1": elf() + b"\0/usr/lib/server/plugin\0",
        "/var/lib/dpkg/info/server-core.list": "/usr/sbin/server\n/usr/lib/libserver.so.1\n",
    }  # fmt: skip
    assert added("plugins", tree, execution("/usr/sbin/server")) == []
    found = added("plugins", tree, execution("/usr/sbin/server"), has_ended=True)
    assert found == ["/usr/lib/server/plugin/a.so", "/usr/lib/server/plugin/b.so"]


@pytest.mark.parametrize("part", [b"/usr/lib/", b"/usr/", b"/usr/lib/server/plugi", b"/m/000000"])
def test_a_program_of_many_names_is_read_linearly(part: bytes) -> None:
    program = elf() + part * (4_000_000 // len(part))
    directories = {f"/usr/lib/server/d{number}/x.so": elf() for number in range(2_000)}
    listed = "".join(f"{path}\n" for path in directories)
    tree = {**SERVER, "/usr/sbin/server": program, **directories, "/var/lib/dpkg/info/server.list": listed}
    started = time.process_time()
    assert added("plugins", tree, execution("/usr/sbin/server")) == []
    assert time.process_time() - started < 10


LIBRARY = f"{TRIPLET}/libpam.so.0.85.1"
PAM: Tree = {
    LIBRARY: elf(), "/usr/sbin/sshd": elf(), "/usr/sbin/cron": elf(), "/bin/bash": elf(), "/bin/zsh": elf(), "/usr/sbin/nologin": elf(),
    "/etc/pam.d/sshd": "auth required pam_own.so\n@include common-auth\n", "/etc/pam.d/common-auth": "auth [success=1] pam_unix.so nullok\n",
    "/etc/pam.d/cron": "auth required pam_cron.so\n", "/etc/pam.d/other": "", "/etc/pam.d/base-auth": "auth required pam_base.so",
    **{f"{TRIPLET}/security/pam_{name}.so": elf() for name in ("own", "unix", "cron", "never", "base")},
    "/usr/sbin/unix_chkpwd": elf(), "/etc/login.defs": "x", "/etc/profile": "x", "/etc/security/limits.conf": "x",
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nme:x:1:1::/home/me:/bin/bash\nd:x:2:2::/usr/sbin:/usr/sbin/nologin\n",
    "/home/me/.bashrc": "x", "/home/me/d/x": "x", "/root/x": "x", "/bin/sh": elf(),
    "/usr/sbin/pam_namespace_helper": "#!/bin/sh\n", "/etc/security/namespace.init": "#!/bin/sh\n", "/usr/sbin/mkhomedir_helper": elf(),
}  # fmt: skip
LOGIN = [
    "/bin/bash", "/bin/sh", "/etc/login.defs", "/etc/pam.d/base-auth", "/etc/pam.d/common-auth", "/etc/pam.d/other", "/etc/pam.d/sshd", "/etc/profile",
    "/etc/security/limits.conf", "/home/me/.bashrc", f"{TRIPLET}/security/pam_base.so", f"{TRIPLET}/security/pam_own.so",
    f"{TRIPLET}/security/pam_unix.so", "/usr/sbin/unix_chkpwd",
]  # fmt: skip


@pytest.mark.parametrize(
    ("tree", "accesses", "kept"),
    [
        pytest.param(PAM, [execution("/usr/sbin/sshd"), LIBRARY], LOGIN, id="a login, with the service of an executed program"),
        pytest.param(
            {**PAM, "/etc/pam.d/other": "session required pam_namespace.so"}, [execution("/usr/sbin/sshd"), LIBRARY],
            [*LOGIN, "/usr/sbin/pam_namespace_helper", "/etc/security/namespace.init"], id="helpers of a module that a service names",
        ),
        pytest.param(PAM, [execution("/usr/sbin/sshd")], [], id="nothing without libpam"),
        pytest.param(
            {**PAM, "/usr/sbin/sshd2": elf(), "/var/lib/dpkg/status": status(ssh=""), "/var/lib/dpkg/info/ssh.list": "/usr/sbin/sshd2\n/etc/pam.d/sshd\n"},
            [execution("/usr/sbin/sshd2"), LIBRARY], LOGIN, id="with the service of its package",
        ),
        pytest.param({LIBRARY: elf(), "/etc/pam.d": "-> pam.d", "/etc/passwd/": ""}, [LIBRARY], [], id="links and directories in place of files"),
    ],
)  # fmt: skip
def test_pam(tree: Tree, accesses: list[str | Access], kept: list[str]) -> None:
    assert added("pam", tree, *accesses) == sorted(kept)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("a:x:1:1::/home/me/..:/bin/zsh", ["/bin/zsh"]),
        ("a:x:1:1::/home/../etc:/bin/zsh", ["/bin/zsh"]),
        ("a:x:1:1::/home/me:bin/zsh", []),
        ("a:x:1:1::/home/me:/bin/zsh:more", ["/bin/zsh", "/home/me/x"]),
        ("a:x:1:1::/home/me", []),
        ("a:x:1:1::/home/loop:/home/loop", ["/home/loop"]),
        ("a:x:1:1::/home/me:/usr/sbin/\0", ["/home/me/x"]),
        ("a:x:1:1::/home/me/x:/", []),
        ("::::::", []),
    ],
)
def test_users(line: str, kept: list[str]) -> None:
    tree: Tree = {LIBRARY: elf(), "/bin/zsh": elf(), "/etc/passwd": f"{line}\n{line}\n", "/home/me/x": "x", "/home/me/d/y": "x", "/home/loop": "-> loop", "/etc/z": "x"}
    assert added("pam", tree, LIBRARY) == kept
