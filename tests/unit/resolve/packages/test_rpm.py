"""rpm's database: owners, filtered content, and what stays unchanged."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import time

import pytest

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.plan import Group
from docker_slim_plugin.resolve.packages import ownership
from docker_slim_plugin.resolve.packages.metadata import rpm, rpm_header
from tests import rpmdb
from tests.rootfs import rootfs
from tests.unit.resolve.test_plan import NO_HINTS, Tree, files, plan

FILES = {
    "bash": ["/bin/bash", "/usr/share/doc/bash/README", "/usr/share/licenses/bash/COPYING", "/usr/bin/both"],
    "curl": ["/usr/bin/curl", "/usr/bin/both"],
    "six": ["/usr/lib/python3/site-packages/six.py", "/usr/lib/python3/site-packages/six-1.dist-info/METADATA"],
}
PLACE = "/usr/lib/sysimage/rpm/rpmdb.sqlite"
TREE: Tree = {
    "/bin": "-> usr/bin", "/usr/bin/bash": "x", "/usr/bin/both": "x", "/usr/share/doc/bash/README": "x",
    "/usr/share/licenses/bash/COPYING": "x", "/usr/bin/curl": "x", "/usr/lib/python3/site-packages/six.py": "x",
    "/usr/lib/python3/site-packages/six-1.dist-info/METADATA": "x", "/opt/app": "x", "/var/lib/rpm": "-> ../../usr/lib/sysimage/rpm",
    PLACE: rpmdb.database(FILES), f"{PLACE}-shm": "x", f"{PLACE}-wal": "", "/usr/lib/sysimage/rpm/.rpm.lock": "",
}  # fmt: skip
WITH = NO_HINTS - {"pkgdb"}


def remaining(*kept: str, tree: Tree = TREE) -> dict[str, list[str]]:
    content = plan(tree, *kept, hints_off=WITH).by_path()[RootPath(PLACE)].content
    assert content is not None
    return rpmdb.rows(content)


def test_owners() -> None:
    found = ownership.read(rootfs(TREE))
    assert found.system == "rpm"
    assert found.owners[RootPath("/usr/bin/bash")] == "bash:1"
    assert found.owners_of(RootPath("/usr/bin/both")) == ("curl:2", "bash:1")
    assert found.files("curl") == ["/usr/bin/both", "/usr/bin/curl"]
    assert ownership.package_name("bash:1") == "bash"


def test_packages_that_are_in_stay_in_every_table() -> None:
    assert remaining("/bin/bash") == {"Name": ["bash"], "Basenames": ["COPYING", "README", "bash", "both"], "Providename": ["bash"]}
    assert remaining("/usr/bin/both")["Name"] == ["bash", "curl"]
    assert remaining("/opt/app", "/usr/share/doc/bash/README", "/usr/share/licenses/bash/COPYING")["Name"] == []
    assert remaining("/usr/lib/python3/site-packages/six-1.dist-info/METADATA")["Name"] == []


def test_the_database_alone_and_the_link_to_it() -> None:
    found = plan(TREE, "/bin/bash", hints_off=WITH)
    assert files(found) == ["/bin", "/usr/bin/bash", PLACE, "/var/lib/rpm"]
    kept = found.by_path()[RootPath(PLACE)]
    assert (kept.group, kept.reasons[0].kind, kept.entry.size) == (Group.CONFIG, "generated", len(kept.content or b""))
    assert found.warnings == ()
    assert found.by_path()[RootPath("/usr/bin/bash")].group is Group.RUNTIME


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param({PLACE: b"SQLite format 3\0" + bytes(300)}, id="no database"),
        pytest.param({PLACE: rpmdb.database(FILES)[:20000]}, id="cut off"),
        pytest.param({PLACE: rpmdb.database(FILES, "CREATE VIEW v AS SELECT 1")}, id="a view"),
        pytest.param({PLACE: rpmdb.database(FILES, "CREATE TABLE t (a CHECK (a > 1))")}, id="an expression"),
        pytest.param({PLACE: rpmdb.database(FILES, "CREATE INDEX i ON Name (upper(key))")}, id="an expression in an index"),
        pytest.param(
            {PLACE: rpmdb.database(FILES, "CREATE TRIGGER t AFTER DELETE ON Packages BEGIN DELETE FROM Name; END")}, id="a trigger"
        ),
        pytest.param({PLACE: rpmdb.database(FILES, "INSERT INTO Packages VALUES (9, 'text')")}, id="no header"),
        pytest.param({PLACE: rpmdb.database(FILES, "INSERT INTO Packages VALUES (9, x'0000000100000010')")}, id="half a header"),
        pytest.param({f"{PLACE}-wal": "x"}, id="a journal"),
        pytest.param({"/usr/lib/sysimage/rpm/Packages.db": "RpmP"}, id="ndb"),
        pytest.param({"/usr/lib/sysimage/rpm/Packages": "bdb"}, id="Berkeley"),
    ],
)
def test_an_unreadable_database_is_kept_whole_with_a_warning(damaged: Tree) -> None:
    found = plan(TREE | damaged, "/bin/bash", hints_off=WITH)
    assert found.by_path()[RootPath(PLACE)].content is None
    assert [warning for warning in found.warnings if "the rpm database cannot be filtered" in warning] == list(found.warnings)
    assert len(found.warnings) == 1
    assert set(damaged) <= set(files(found))


def test_a_database_that_the_run_reads_is_kept_whole() -> None:
    found = plan(TREE, "/bin/bash", PLACE, hints_off=WITH)
    assert found.by_path()[RootPath(PLACE)].content is None
    assert len(found.warnings) == 1


def test_merged_databases_have_each_package_once() -> None:
    below = rpmdb.database({"curl": FILES["curl"], "zlib": ["/usr/lib/libz.so"], "bash": []})
    above = rpm.cut_database(rpmdb.database(FILES), ["bash:1"])
    found = rpm.merge_databases(above, below)
    assert rpmdb.rows(found)["Name"] == ["bash", "curl", "zlib"]
    assert rpmdb.rows(found)["Basenames"] == ["COPYING", "README", "bash", "both", "both", "curl", "libz.so"]
    assert rpm.merge_databases(found, below) == found


def test_the_same_comes_out_each_time() -> None:
    content = rpmdb.database(FILES)
    assert rpm.cut_database(content, ["bash:1"]) == rpm.cut_database(content, ["bash:1"])
    assert rpm.cut_database(content, ["bash:1"])[96:100] == content[96:100]


def test_headers() -> None:
    found = rpm_header.read(rpmdb.header("a", ["/usr/bin/a", "/b"]))
    assert (found.name, found.version, found.architecture) == ("a", (0, "1", "1"), "x86_64")
    assert list(found.files()) == [("/usr/bin", "a"), ("/", "b")]


def test_garbage_is_refused() -> None:
    chance = random.Random(5)
    content, begin = rpmdb.database(FILES), time.monotonic()
    for _ in range(150):
        broken = bytearray(content)
        for _ in range(chance.randrange(1, 30)):
            broken[chance.randrange(16, len(broken))] = chance.randrange(256)
        with contextlib.suppress(rpm.ERRORS):
            rpm.cut_database(bytes(broken), ["bash:1"])
        blob = bytearray(rpmdb.header("a", ["/usr/bin/a", "/b"]))
        blob[chance.randrange(len(blob))] = chance.randrange(256)
        with contextlib.suppress(ValueError):
            list(rpm_header.read(bytes(blob)).files())
    assert time.monotonic() - begin < 30


def test_the_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    monkeypatch.setattr(rpm, "MAX_STEPS", 5)
    with pytest.raises(sqlite3.Error), rpm.open_copy(rpmdb.database({})) as connection:
        connection.execute(endless)
    monkeypatch.setattr(rpm, "MAX_BYTES", 40_000)
    with pytest.raises(ValueError, match="too large"), rpm.open_copy(rpmdb.database(FILES | {"x": ["/" + "x" * 40_000]})):
        pass
