from __future__ import annotations

import os

import pytest

from docker_slim_plugin.kernel.process_identity import ProcessIdentity, parse_identity, read_identity

ALL = "         0          0 4294967295\n"
STATUS = "Name:\tsh\\nUid:\t9\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{gid}\t{gid}\t{gid}\t{gid}\nGroups:\t{groups} \nNSpid:\t{pids}\n"


def status(uid: int = 0, gid: int = 0, groups: str = "", pids: str = "77\t1") -> str:
    return STATUS.format(uid=uid, gid=gid, groups=groups, pids=pids)


@pytest.mark.parametrize(
    ("text", "maps", "expected"),
    [
        pytest.param(status(groups="0"), ALL, ProcessIdentity(1, 0, 0, ()), id="root"),
        pytest.param(status(1000, 1001, "44 1001 55"), ALL, ProcessIdentity(1, 1000, 1001, (44, 55)), id="groups"),
        pytest.param(status(pids="8141"), ALL, ProcessIdentity(8141, 0, 0, ()), id="the host's processes"),
        pytest.param(status(pids="9\t8\t7"), ALL, ProcessIdentity(7, 0, 0, ()), id="namespaces within others"),
        pytest.param(
            status(100999, 100000, "100044"), "0 100000 65536\n", ProcessIdentity(1, 999, 0, (44,)), id="a user namespace"
        ),
        pytest.param(status(70001), "0 100000 10\n10 70000 5\n", ProcessIdentity(1, 11, 0, ()), id="several ranges"),
        pytest.param(status(5), "0 100000 10\n", ProcessIdentity(1, 5, 0, ()), id="no range"),
    ],
)
def test_identities(text: str, maps: str, expected: ProcessIdentity) -> None:
    assert parse_identity(text, maps, maps) == expected


@pytest.mark.parametrize("text", ["", "Name:\tx\n", status(pids=""), "Uid:\nGid:\nNSpid:\t1\n"])
def test_a_process_that_ends(text: str) -> None:
    with pytest.raises(ValueError, match="ended"):
        parse_identity(text, ALL, ALL)


def test_this_process() -> None:
    found = read_identity(os.getpid())
    assert (found.pid, found.uid, found.gid) == (os.getpid(), os.geteuid(), os.getegid())
    assert set(found.groups) == set(os.getgroups()) - {os.getegid()}
