"""The table of the launcher: rules for each ABI of Landlock, and the limit of its size."""

from __future__ import annotations

import struct

import pytest

from docker_slim_plugin.confine import landlock
from docker_slim_plugin.confine.launcher import CODES, MAX_SIZE, NOTICES, launcher
from docker_slim_plugin.confine.rules import Rules
from docker_slim_plugin.errors import SlimError

FILES_2 = landlock.HANDLED & ~(landlock.TRUNCATE | landlock.IOCTL_DEV)
FILES_3 = FILES_2 | landlock.TRUNCATE
PORTS = 3


@pytest.mark.parametrize(
    ("abi", "expected"),
    [
        (1, (0, 0, 0, 0)),
        (2, (FILES_2, 0, 0, 8)),
        (3, (FILES_3, 0, 0, 8)),
        (4, (FILES_3, PORTS, 0, 16)),
        (5, (landlock.HANDLED, PORTS, 0, 16)),
        (6, (landlock.HANDLED, PORTS, 3, 24)),
        (7, (landlock.HANDLED, PORTS, 3, 24)),
    ],
)
def test_an_abi_gets_no_right_that_it_does_not_know(abi: int, expected: tuple[int, ...]) -> None:
    assert struct.unpack("<4Q", landlock.attributes(Rules(), abi)) == expected


def test_without_rules_on_files() -> None:
    rules = Rules(files=False, abstract_scoped=False)
    found = [struct.unpack("<4Q", landlock.attributes(rules, abi)) for abi in (2, 4, 6)]
    assert found == [(0, 0, 0, 0), (0, PORTS, 0, 16), (0, PORTS, 2, 24)]


def test_what_it_says_when_it_goes_on() -> None:
    assert [one[:40] for one in NOTICES] == ["docker slim: this kernel has no usable L", "docker slim: this kernel takes no seccomp"[:40]]
    assert all(one.endswith("\n") and one.encode() in code for one in NOTICES for code in CODES.values())


@pytest.mark.parametrize("machine", sorted(CODES))
def test_it_is_small_and_says_when_it_cannot_be(machine: str) -> None:
    assert len(launcher(Rules(bind=(80,), connect=(443,), write=("/run",), devices=("/dev/fuse",)), machine)) < MAX_SIZE / 2
    with pytest.raises(SlimError, match="make the launcher larger"):
        launcher(Rules(write=tuple(f"/var/lib/app/{number:0100}" for number in range(60))), machine)
