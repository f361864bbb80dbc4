"""Rules from what a run showed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from docker_slim_plugin.confine.derivation import Wishes, check, derive
from docker_slim_plugin.confine.description import describe
from docker_slim_plugin.confine.rules import Rules
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.observation import Observations, RunResult, Use
from tests.rootfs import rootfs

TREE = {
    "/run/": "",
    "/var/run": "-> /run",
    "/var/log/app.log": "old",
    "/var/cache/app/": "",
    "/etc/app.conf": "",
    "/tmp/": "",
    "/home/user": Entry(path=RootPath("/home/user"), kind=EntryKind.DIRECTORY, mode=0o755, uid=1000, gid=1000),
}
INET, DGRAM, RAW = 2, 2, 3


def rules_of(*uses: Use, ports: tuple[int, ...] = (), config: Mapping[str, Any] | None = None, **wishes: Any) -> Rules:
    observations = Observations(accesses=(), result=RunResult(ports=ports), uses=frozenset(uses))
    tree = rootfs(TREE)
    return derive(observations, tree, set(tree.entries) - {RootPath("/etc/app.conf")}, config or {}, Wishes(**wishes))


def written(*uses: Use, **others: Any) -> tuple[str, ...]:
    return rules_of(*uses, **others).write


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("file", "/var/log/app.log", ("/var/log/app.log",)),
        ("file", "/etc/app.conf", ("/etc",)),
        ("file", "/var/run/app/new.pid", ("/run",)),
        ("make", "/var/run/socket", ("/run",)),
        ("make", "/run", ()),
        ("make", "/var/cache/app/a/b", ("/var/cache/app",)),
        ("remove", "/var/cache/app/nothing", ()),
        ("remove", "/var/log/app.log", ("/var/log",)),
        ("rename", "/var/log/app.log", ("/var/log",)),
        ("file", "/proc/self/oom_score_adj", ()),
        ("file", "/dev/null", ()),
        ("file", "/dev/stdout", ()),
        ("file", "/dev/shm/segment", ("/dev/shm",)),
        ("make", "/dev/log", ("/dev",)),
    ],
)
def test_what_is_written(name: str, path: str, expected: tuple[str, ...]) -> None:
    assert written(Use(name, path=path)) == expected


def test_places_below_others_are_not_repeated() -> None:
    uses = (Use("file", path="/var/log/app.log"), Use("make", path="/var/log/new"), Use("make", path="/tmp/x"))
    assert written(*uses, volumes=("/data",), allow=("write=/tmp/x",)) == ("/data", "/tmp", "/var/log")


def test_a_process_in_another_root() -> None:
    assert written(Use("make", path="/var/cache/app/run/x", root="/var/cache")) == ("/var/cache/app",)


def test_who_cannot_write_there_anyway() -> None:
    user = {"User": "1000"}
    assert written(Use("make", path="/new"), Use("file", path="/home/user/x"), config=user) == ("/home/user",)
    as_root = rules_of(Use("make", path="/new"))
    assert not as_root.files
    assert "files: the app writes in /, so no place can be restricted" in describe(as_root, 0).open


def test_ports() -> None:
    tcp = Use("bind", (INET, 8080, 1, 6))
    udp = Use("bind", (INET, 53, DGRAM, 17))
    out = Use("connect", (10, 5432, 1, 6))
    found = rules_of(tcp, udp, out, Use("connect", (1, 0)), ports=(80,), allow=("bind=9000", "connect=443"))
    assert (found.bind, found.connect) == ((80, 8080, 9000), (443, 5432))


def test_udp_is_used_or_may_be() -> None:
    socket = Use("socket", (INET, DGRAM, 0))
    assert [rules_of(*uses).udp for uses in ((), (socket,))] == [False, True]
    lookups = rules_of(resolves_names=True)
    assert (lookups.udp, lookups.connect) == (True, (53,))
    denied = rules_of(socket, resolves_names=True, deny=("udp",))
    assert (denied.udp, denied.connect) == (False, ())
    assert rules_of(allow=("udp",)).udp


def test_other_kinds() -> None:
    found = rules_of(
        Use("socket", (INET, RAW, 1)),
        Use("socket", (17, 3, 0)),
        Use("socket", (40, 1, 0)),
        Use("semget"),
        Use("mq_open"),
        Use("file", path="/dev/fuse"),
        Use("file", path="/proc/self/oom_score_adj"),
        Use("connect", (1, 1)),
    )
    expected = {"raw", "packet", "sysv_ipc", "message_queues", "proc"}
    assert {name for name in expected | {"udp", "io_uring"} if getattr(found, name)} == expected
    assert (found.families, found.devices, found.abstract_scoped) == ((40,), ("/dev/fuse",), False)
    assert rules_of(Use("connect", (1, 1)), Use("bind", (1, 1))).abstract_scoped


def test_nothing_is_used() -> None:
    assert rules_of() == Rules()


def test_a_hostile_app_and_image() -> None:
    """Long paths take no quadratic time, and names that are none are left out."""
    began = time.monotonic()
    deep = [Use("make", path=f"/{number}{'/a' * 2040}") for number in range(500)]
    assert written(*deep, volumes=("/data", "relative", "/\ud800", "/a\0b"), config={"User": "1"}) == ("/data",)
    assert time.monotonic() - began < 5


def test_refusals() -> None:
    seen = Observations(accesses=(), result=RunResult(), uses=frozenset({Use("mount")}))
    check("app", seen, Wishes())
    with pytest.raises(SlimError, match="mounts file systems"):
        check("app", seen, Wishes(can_mount=True))
    with pytest.raises(SlimError, match="/usr/bin/sudo gains privileges"):
        check("app", replace(seen, privilege_gains=("/usr/bin/sudo",)), Wishes())
    with pytest.raises(SlimError, match="not traced"):
        check("app", replace(seen, mode="off"), Wishes())
